/* movies/lock_movie
Locks a film against other writers; reads and the foreign keys of showtimes do not wait for this lock. The next
statement of the transaction sees what the writer before has committed.
Plan: index scan on movies_pkey.
$1 bigint movie_id: the film
Sample: select min(id) from movies
*/
select /* movies/lock_movie */ id
from movies
where id = $1
for no key update;
