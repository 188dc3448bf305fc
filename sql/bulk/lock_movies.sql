/* bulk/lock_movies
Locks films that are to be replaced, and returns those that exist. All callers lock in the order of the ids, so two
imports cannot deadlock.
Plan: index scan on movies_pkey.
$1 bigint[] movie_ids: the films
Sample: select array_agg(id) from (select id from movies order by id limit 16) as m
*/
select /* bulk/lock_movies */ id
from movies
where id = any($1)
order by id
for no key update;
