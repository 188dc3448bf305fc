/* showtimes/lock_showtime
Locks a showtime against new reservations, whose inserts need its key, and answers its room. What was reserved before
is then visible to the next statement of the transaction.
Plan: index scan on showtimes_pkey.
$1 bigint showtime_id: which
*/
select auditorium_id
from showtimes
where id = $1
for update;
