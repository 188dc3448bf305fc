/* load/delete_reservations
Deletes a batch of the load users' reservations with their seats, and returns what has to be deleted in Redis. Foreign
keys are checked at the end of the statement, so the three deletes need no order. The batch has no order either, so
nothing is sorted.
Plan: index scans on reservations_user_id_idx, and deletes by reservations_pkey, reservation_seats_pkey and
booked_seats_reservation_id_idx.
$1 bigint[] user_ids: the load users
$2 bigint row_limit: the most reservations of one batch
Sample: select array_agg(user_id), 1000::bigint from (select user_id from reservations order by id desc limit 16) as r
*/
with /* load/delete_reservations */ batch as (
    select
        r.id,
        r.showtime_id
    from reservations as r
    where r.user_id = any($1::bigint[])
    limit $2 -- noqa: AM09
    for update
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
    returning rs.reservation_id, rs.seat_id
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
    array(
        select dropped.seat_id from dropped
        where dropped.reservation_id = batch.id
        order by dropped.seat_id
    ) as seat_ids
from batch
inner join gone on batch.id = gone.id;
