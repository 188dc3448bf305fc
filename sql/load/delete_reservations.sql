/* load/delete_reservations
Deletes a batch of the load users' reservations with their booked seats and tickets, and returns what has to be deleted in
Redis. The batch has no order, so nothing is sorted.
Plan: index scans on reservations_user_id_idx, and deletes by reservations_pkey, reservation_changes_pkey,
booked_seats_showtime_id_seat_id_key and tickets_seat_key.
$1 bigint[] user_ids: the load users
$2 bigint row_limit: the most reservations of one batch
Sample: select array_agg(user_id), 1000::bigint from (select user_id from reservations order by id desc limit 16) as r
*/
with /* load/delete_reservations */ batch as (
    select
        r.id,
        r.showtime_id,
        r.seat_ids
    from reservations as r
    where r.user_id = any($1::bigint[])
    limit $2 -- noqa: AM09
    for update
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

torn as (
    delete from tickets as t
    using sold
    where
        t.showtime_id = sold.showtime_id
        and t.seat_id = sold.seat_id
        and t.cancelled_at is null
        and t.reservation_id = sold.id
),

forgotten as (
    delete from reservation_changes as c
    using batch
    where c.reservation_id = batch.id
),

gone as (
    delete from reservations as r
    using batch
    where r.id = batch.id
    returning r.id
)

select
    batch.id as reservation_id,
    batch.showtime_id,
    batch.seat_ids
from batch
inner join gone on batch.id = gone.id;
