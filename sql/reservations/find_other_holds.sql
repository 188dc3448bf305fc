/* reservations/find_other_holds
Finds the live holds of others on seats for which there is a hold that was not answered: Redis had lost its data when it
granted the second of two.
Plan: an index scan on reservations_showtime_id_expires_at_idx.
$1 bigint showtime_id: which
$2 bigint[] seat_ids: these seats
$3 uuid reservation_id: the hold that was not answered
Sample: select r.showtime_id, r.seat_ids, r.id from (select) as one left join (select id, showtime_id, seat_ids from reservations
where status = 'held' order by id desc limit 1) as r on true
*/
select /* reservations/find_other_holds */
    r.id as reservation_id,
    array(
        select seat.id from unnest(r.seat_ids) as seat (id)
        where seat.id = any($2::bigint[])
        order by seat.id
    ) as seat_ids,
    greatest(1, ceil(extract(epoch from r.expires_at - clock_timestamp()) * 1000))::bigint as left_ms
from reservations as r
where
    r.showtime_id = $1
    and r.status = 'held'
    and r.expires_at > now()
    and r.seat_ids && $2::bigint[]
    and r.id <> $3;
