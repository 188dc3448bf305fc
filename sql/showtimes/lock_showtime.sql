/* showtimes/lock_showtime
Locks a showtime against new reservations, whose inserts need its key, and answers its room. What was reserved before
is then visible to the next statement of the transaction.
Plan: index scan on showtimes_pkey.
$1 bigint showtime_id: which
Sample: select (select id from showtimes where starts_at > now() order by starts_at, id limit 1)
*/
select /* showtimes/lock_showtime */ auditorium_id
from showtimes
where id = $1
for update;
