/* movies/lock_movies
Locks films against deletion until the end of the transaction, and returns the ids that exist. Otherwise the foreign key
of one showtime could fail all that are inserted with it. All callers lock in the order of the ids.
Plan: index scan on movies_pkey.
$1 bigint[] movie_ids: the films
Sample: select array_agg(id) from (select id from movies order by id limit 16) as m
*/
select /* movies/lock_movies */ id
from movies
where id = any($1)
order by id
for key share;
