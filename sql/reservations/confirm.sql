/* reservations/confirm
Confirms holds, one or a batch of them: each reservation gets all its seats and is confirmed, or is not. First the
reservations are locked, in the order of their ids; then their seats claimed, in the order of showtime and seat, so
that confirms cannot deadlock. A seat that another owns is left to them by the unique constraint
booked_seats_showtime_id_seat_id_key.
The lock is as strong as an update needs, and no stronger: the foreign keys of a showtime that somebody tries to delete
look at its reservations, and a full FOR UPDATE here deadlocks with that. A row that somebody else has locked is left
out, so that no stranger waits for it: the caller comes again for it alone, after reservations/lock_reservation.
Answers one row for each reservation that is its user's and was not locked: its status before, with a hold past its time
as expired, and whether it is confirmed now. A held one that is not may have claimed some of its seats all the same,
since a statement cannot undo its own inserts: the caller gives them back (reservations/give_back) in the same
transaction. A hold may run out while it waits for a seat, so the last step asks the clock once more.
Plan: nested loop from the ids to reservations_pkey, then index scans on reservation_seats_pkey and seats_pkey.
$1 uuid[] reservation_ids: which, each once
$2 bigint[] user_ids: whose, in the same order
*/
with locked as materialized (
    select
        r.id,
        r.user_id,
        r.showtime_id,
        case when r.status = 'held' and r.expires_at <= clock_timestamp() then 'expired' else r.status end as status,
        r.total_price,
        r.created_at,
        r.expires_at
    from unnest($1::uuid[], $2::bigint[]) as asked (id, user_id)
    inner join reservations as r on asked.id = r.id and asked.user_id = r.user_id
    order by r.id
    for no key update of r skip locked
),

wanted as materialized (
    select
        l.id,
        l.showtime_id,
        l.status,
        rs.seat_id,
        rs.price_at_booking::text as price,
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

got as (
    select
        reservation_id as id,
        count(*) as seats
    from claimed
    group by reservation_id
),

wanted_of as materialized (
    select
        id,
        count(*) as seats,
        array_agg(seat_id order by char_length(row_label), row_label, seat_number) as seat_ids,
        array_agg(row_label order by char_length(row_label), row_label, seat_number) as row_labels,
        array_agg(seat_number order by char_length(row_label), row_label, seat_number) as seat_numbers,
        array_agg(price order by char_length(row_label), row_label, seat_number) as prices
    from wanted
    group by id
),

confirmed as (
    update reservations as r
    set
        status = 'confirmed',
        confirmed_at = now()
    from wanted_of as w
    inner join got as g on w.id = g.id and w.seats = g.seats
    where r.id = w.id and r.expires_at > clock_timestamp()
    returning r.id
)

select
    l.id,
    l.user_id,
    l.showtime_id,
    l.status,
    l.total_price::text as total_price,
    l.created_at,
    l.expires_at,
    w.seat_ids,
    w.row_labels,
    w.seat_numbers,
    w.prices,
    l.status = 'confirmed' or l.id = any(array(select c.id from confirmed as c)) as confirmed
from locked as l
inner join wanted_of as w on l.id = w.id;
