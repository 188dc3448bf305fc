/* reservations/confirm
Confirms holds, one or a batch of them: each reservation gets all its seats and is confirmed, or is not. First the
reservations are locked, in the order of their ids; then their seats claimed, in the order of showtime and seat, so
that confirms cannot deadlock. A seat that another owns is left to them by the unique constraint
booked_seats_showtime_id_seat_id_key.
Answers one row for each reservation that is its user's: its status before, with a hold past its time as expired,
whether it is confirmed now, and the seats it lost to others. A held one that is not confirmed has claimed some seats
all the same, since a statement cannot undo its own inserts: the caller gives them back (reservations/give_back) in the
same transaction. A hold may run out while it waits for the lock, so the last step asks the clock once more.
Plan: nested loop from the ids to reservations_pkey, then index scans on reservation_seats_pkey and seats_pkey.
$1 uuid[] reservation_ids: which, each once
$2 bigint[] user_ids: whose, in the same order
*/
with locked as materialized (
    select
        r.id,
        r.showtime_id,
        case when r.status = 'held' and r.expires_at <= clock_timestamp() then 'expired' else r.status end as status,
        r.total_price,
        r.created_at,
        r.expires_at
    from unnest($1::uuid[], $2::bigint[]) as asked (id, user_id)
    inner join reservations as r on asked.id = r.id and asked.user_id = r.user_id
    order by r.id
    for update of r
),

wanted as materialized (
    select
        l.id,
        l.showtime_id,
        l.status,
        rs.seat_id,
        rs.price_at_booking,
        s.row_label,
        s.seat_number
    from locked as l
    inner join reservation_seats as rs on l.id = rs.reservation_id
    inner join seats as s on rs.seat_id = s.id
),

claimed as (
    insert into booked_seats (showtime_id, seat_id, reservation_id)
    select
        showtime_id,
        seat_id,
        id
    from wanted
    where status = 'held'
    order by showtime_id, seat_id
    on conflict (showtime_id, seat_id) do nothing
    returning reservation_id, seat_id
),

complete as (
    select w.id
    from wanted as w
    left join claimed as c on w.id = c.reservation_id and w.seat_id = c.seat_id
    where w.status = 'held'
    group by w.id
    having count(*) = count(c.seat_id)
),

confirmed as (
    update reservations as r
    set
        status = 'confirmed',
        confirmed_at = now()
    from complete as c
    where r.id = c.id and r.expires_at > clock_timestamp()
    returning r.id
),

seats_of as (
    select
        w.id,
        array_agg(w.seat_id order by char_length(w.row_label), w.row_label, w.seat_number) as seat_ids,
        array_agg(w.row_label order by char_length(w.row_label), w.row_label, w.seat_number) as row_labels,
        array_agg(w.seat_number order by char_length(w.row_label), w.row_label, w.seat_number) as seat_numbers,
        array_agg(
            w.price_at_booking::text order by char_length(w.row_label), w.row_label, w.seat_number
        ) as prices,
        array_agg(w.seat_id) filter (where w.status = 'held' and c.seat_id is null) as lost
    from wanted as w
    left join claimed as c on w.id = c.reservation_id and w.seat_id = c.seat_id
    group by w.id
)

select
    l.id,
    l.showtime_id,
    l.status,
    l.total_price::text as total_price,
    l.created_at,
    l.expires_at,
    s.seat_ids,
    s.row_labels,
    s.seat_numbers,
    s.prices,
    coalesce(s.lost, '{}') as lost,
    l.status = 'confirmed' or c.id is not null as confirmed
from locked as l
inner join seats_of as s on l.id = s.id
left join confirmed as c on l.id = c.id;
