/* archive/move_reservations
Moves reservations of past showtimes into the archive and deletes their booked seats: a whole batch in one statement. It is
repeated until it moves none. It leaves
- reservations that another session has locked, and those of a showtime that is locked, since a deletion of the showtime and
  this statement would wait for each other; the lock here keeps the showtime from being moved;
- live holds, and reservations made after the given moment, since a showtime may have been moved into the past;
- what reservation audit reports: a reservation that does not own exactly the seats that its status requires.
The count is a lateral aggregate, whose place in the plan is fixed; a semi join could be planned from the other end.
Plan: showtimes_pkey; index scan on reservations_showtime_id_expires_at_idx, then for each seat
booked_seats_showtime_id_seat_id_key; the deletes by this one and by reservations_pkey.
$1 bigint[] showtime_ids: of which showtimes
$2 timestamptz before: only what was made, and of showtimes that ended, before this moment
$3 bigint row_limit: most reservations of one batch
Sample: select array_agg(id), now() - interval '7 days', 500::bigint from (select id from showtimes order by starts_at, id
limit 16) as st
*/
with /* archive/move_reservations */ kept as materialized (
    select id
    from showtimes
    where id = any($1) and ends_at < $2
    order by id
    for share skip locked
),

batch as materialized (
    select
        r.id,
        r.showtime_id,
        r.seat_ids,
        r.status = 'held' as is_expired
    from reservations as r
    cross join
        lateral (
            select count(*) as seats
            from unnest(r.seat_ids) as seat (id)
            inner join booked_seats as b on seat.id = b.seat_id
            where b.showtime_id = r.showtime_id and b.reservation_id = r.id
        ) as owned
    where
        r.showtime_id = any(array(select k.id from kept as k))
        and r.created_at < $2
        and (r.status <> 'held' or r.expires_at < now())
        and r.seat_ids <> '{}'
        and owned.seats = case when r.status = 'confirmed' then cardinality(r.seat_ids) else 0 end
    limit $3 -- noqa: AM09
    for update of r skip locked
),

-- What expire_holds has not marked yet.
told as (
    insert into outbox (type, reservation_id)
    select
        'reservation.expired',
        id
    from batch
    where is_expired
),

sold as materialized (
    select
        batch.id,
        batch.showtime_id,
        seat.id as seat_id
    from batch
    cross join unnest(batch.seat_ids) as seat (id)
),

freed as (
    delete from booked_seats as b
    using sold
    where b.showtime_id = sold.showtime_id and b.seat_id = sold.seat_id and b.reservation_id = sold.id
),

gone as (
    delete from reservations as r
    using batch
    where r.id = batch.id
    returning
        r.id,
        r.user_id,
        r.showtime_id,
        case when r.status = 'held' then 'expired' else r.status end as status,
        r.total_price,
        r.created_at,
        r.expires_at,
        r.first_expires_at,
        r.confirmed_at,
        r.cancelled_at,
        r.cancel_reason,
        r.seat_ids,
        r.row_labels,
        r.seat_numbers,
        r.prices,
        r.code,
        r.reference,
        r.metadata,
        r.cancelled_by,
        r.late,
        r.ticket_type_ids,
        r.payment_required
)

insert into archived_reservations (
    id, user_id, showtime_id, status, total_price, created_at, expires_at, first_expires_at, confirmed_at, cancelled_at,
    cancel_reason, seat_ids, row_labels, seat_numbers, prices, code, reference, metadata, cancelled_by, late,
    ticket_type_ids, payment_required
)
select
    id,
    user_id,
    showtime_id,
    status,
    total_price,
    created_at,
    expires_at,
    first_expires_at,
    confirmed_at,
    cancelled_at,
    cancel_reason,
    seat_ids,
    row_labels,
    seat_numbers,
    prices,
    code,
    reference,
    metadata,
    cancelled_by,
    late,
    ticket_type_ids,
    payment_required
from gone
returning id;
