/* cinemas/lock_cinema
Locks a cinema against other writers, and returns its id. Reads, and the foreign keys of auditoriums, do not wait for
this lock.
Plan: index scan on cinemas_pkey.
$1 bigint cinema_id: the cinema
Sample: select min(id) from cinemas
*/
select /* cinemas/lock_cinema */ id
from cinemas
where id = $1
for no key update;
