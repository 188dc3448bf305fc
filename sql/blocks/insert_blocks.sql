/* blocks/insert_blocks
Blocks seats of a showtime. The caller has locked it FOR UPDATE and found none of the seats taken. The showtime's
layout_version is raised, so a hold whose statement began before this commits is not inserted; updated_at is, so that a
worker finds the change if this one is killed before it tells Redis.
Plan: index scan on showtimes_pkey, then the inserts.
$1 bigint showtime_id: the showtime
$2 bigint[] seat_ids: the seats, each once
$3 text reason: why
Sample: select st.id, array(select s.id from seats as s where s.auditorium_id = st.auditorium_id and not exists (select
from booked_seats as b where b.showtime_id = st.id and b.seat_id = s.id) order by s.id limit 2), 'Sample' from (select) as
one left join (select id, auditorium_id from showtimes where starts_at > now() order by starts_at, id limit 1) as st on true
*/
with /* blocks/insert_blocks */ changed as (
    update showtimes
    set
        layout_version = layout_version + 1,
        updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
    where id = $1
)

insert into booked_seats (showtime_id, seat_id, block_reason)
select
    $1,
    seat.id,
    $3
from unnest($2::bigint[]) as seat (id)
order by seat.id;
