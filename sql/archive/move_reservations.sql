/* archive/move_reservations
Moves reservations of past showtimes into the archive, each with its seats in arrays, and deletes their rows: a whole batch
in one statement, whose foreign keys are checked at its end. It is repeated until it moves none. It leaves
- reservations that another session has locked, and those of a showtime that is locked, since a deletion of the showtime and
  this statement would wait for each other; the lock here keeps the showtime from being moved;
- live holds, and reservations made after the given moment, since a showtime may have been moved into the past;
- what reservation audit reports: a reservation that does not own exactly the seats that its status requires.
The counts are lateral aggregates, whose place in the plan is fixed; a semi join could be planned from the other end.
Plan: showtimes_pkey; index scan on reservations_showtime_id_expires_at_idx, then for each row reservation_seats_pkey,
booked_seats_reservation_id_idx and seats_pkey; the deletes by the same indexes.
$1 bigint[] showtime_ids: of which showtimes
$2 timestamptz before: only what was made, and of showtimes that ended, before this moment
$3 bigint row_limit: most reservations of one batch
Sample: select array_agg(id), now() - interval '7 days', 500::bigint from (select id from showtimes order by starts_at
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
    select r.id
    from reservations as r
    cross join
        lateral (
            select count(*) as seats
            from reservation_seats as rs
            where rs.reservation_id = r.id
        ) as wanted
    cross join
        lateral (
            select count(*) as seats
            from booked_seats as b
            where b.reservation_id = r.id and b.showtime_id = r.showtime_id
        ) as owned
    where
        r.showtime_id = any(array(select k.id from kept as k))
        and r.created_at < $2
        and (r.status <> 'held' or r.expires_at < now())
        and wanted.seats > 0
        and owned.seats = case when r.status = 'confirmed' then wanted.seats else 0 end
    limit $3 -- noqa: AM09
    for update of r skip locked
),

freed as (
    delete from booked_seats as b
    using batch
    where b.reservation_id = batch.id
),

dropped as (
    delete from reservation_seats as rs
    using batch
    where rs.reservation_id = batch.id
    returning rs.reservation_id, rs.seat_id, rs.price_at_booking
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
        r.cancelled_at
),

seated as materialized (
    select
        d.reservation_id,
        array_agg(d.seat_id order by char_length(s.row_label), s.row_label, s.seat_number) as seat_ids,
        array_agg(s.row_label order by char_length(s.row_label), s.row_label, s.seat_number) as row_labels,
        array_agg(s.seat_number order by char_length(s.row_label), s.row_label, s.seat_number) as seat_numbers,
        array_agg(d.price_at_booking order by char_length(s.row_label), s.row_label, s.seat_number) as prices
    from dropped as d
    inner join seats as s on d.seat_id = s.id
    group by d.reservation_id
)

insert into archived_reservations (
    id, user_id, showtime_id, status, total_price, created_at, expires_at, first_expires_at, confirmed_at, cancelled_at,
    seat_ids, row_labels, seat_numbers, prices
)
select
    g.id,
    g.user_id,
    g.showtime_id,
    g.status,
    g.total_price,
    g.created_at,
    g.expires_at,
    g.first_expires_at,
    g.confirmed_at,
    g.cancelled_at,
    s.seat_ids,
    s.row_labels,
    s.seat_numbers,
    s.prices
from gone as g
inner join seated as s on g.id = s.reservation_id
returning id;
