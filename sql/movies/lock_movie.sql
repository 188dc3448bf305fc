/* movies/lock_movie
Locks a film against other writers; readers and the foreign keys of showtimes go on. What the writer before has
committed is then visible to the next statement of the transaction.
Plan: index scan on movies_pkey.
$1 bigint movie_id: which
Sample: select min(id) from movies
*/
select /* movies/lock_movie */ id
from movies
where id = $1
for no key update;
