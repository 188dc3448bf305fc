/* seats/retire_seats
Retires seats: they stay for the reservations that have them in their arrays. The caller has locked the room and its open
showtimes, and found no live hold and no booking of the seats.
Plan: index scan on seats_pkey.
$1 bigint[] seat_ids: the seats
Sample: select array_agg(id) from (select id from seats where retired_at is null order by id limit 4) as s
*/
update /* seats/retire_seats */ seats
set retired_at = now()
where id = any($1);
