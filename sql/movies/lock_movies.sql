/* movies/lock_movies
Keeps films from being deleted until the end of the transaction, and answers those that there are: the foreign key of
one showtime must not fail the many that are written with it. In the order of their ids, as all locks on many rows.
Plan: index scan on movies_pkey.
$1 bigint[] movie_ids: which
Sample: select array_agg(id) from (select id from movies order by id limit 16) as m
*/
select /* movies/lock_movies */ id
from movies
where id = any($1)
order by id
for key share;
