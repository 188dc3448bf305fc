/* blocks/delete_blocks
Unblocks seats of a showtime, and returns those that were blocked. The caller has locked the showtime FOR UPDATE. Its
updated_at is raised, so that a worker finds the change if this one is killed before it tells Redis.
Plan: index scans on showtimes_pkey and booked_seats_blocked_idx.
$1 bigint showtime_id: the showtime
$2 bigint[] seat_ids: the seats
Sample: select (select id from showtimes where starts_at > now() order by starts_at, id limit 1), array[1, 2]::bigint[]
*/
with /* blocks/delete_blocks */ changed as (
    update showtimes
    set updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
    where id = $1
)

delete from booked_seats
where showtime_id = $1 and seat_id = any($2) and reservation_id is null
returning seat_id;
