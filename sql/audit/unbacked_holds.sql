/* audit/unbacked_holds
Finds the seats held in Redis without a live hold in PostgreSQL: without a reservation of that id, for that showtime and
with that seat, that is held and not expired. A confirmed reservation does not count, but its Redis keys are only deleted
after the commit: a caller asks twice before it believes the answer.
Plan: a function scan of the batch; for each row, index scans on reservations_pkey.
$1 uuid[] reservation_ids: the values in Redis; null for one that is not a UUID
$2 bigint[] showtime_ids: the showtime of each
$3 bigint[] seat_ids: the seat of each
Sample: select array_agg(h.id), array_agg(h.showtime_id), array_agg(h.seat_id) from (select id, showtime_id,
unnest(seat_ids) as seat_id from (select id, showtime_id, seat_ids from reservations where status = 'held' order by id desc
limit 100) as r) as h
*/
select /* audit/unbacked_holds */
    held.position - 1 as place,
    (
        select r.status from reservations as r
        where r.id = held.reservation_id
    ) as status
from
    unnest($1::uuid[], $2::bigint[], $3::bigint[])
    with ordinality as held (reservation_id, showtime_id, seat_id, position)
where
    -- A scalar subquery instead of a join: PostgreSQL has neither an order to choose by estimates nor a hash to build.
    not coalesce(
        (
            select
                r.showtime_id = held.showtime_id and r.status = 'held' and r.expires_at > now()
                and held.seat_id = any(r.seat_ids)
            from reservations as r
            where r.id = held.reservation_id
        ),
        false
    )
order by held.position;
