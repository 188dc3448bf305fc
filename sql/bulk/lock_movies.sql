/* bulk/lock_movies
Locks films that are to be replaced, and answers those that there are. In the order of their ids, so that two imports
wait for each other in one direction only.
Plan: index scan on movies_pkey.
$1 bigint[] movie_ids: which
Sample: select array_agg(id) from (select id from movies order by id limit 16) as m
*/
select /* bulk/lock_movies */ id
from movies
where id = any($1)
order by id
for no key update;
