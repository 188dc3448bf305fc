/* bulk/find_films
Returns the films that a file names, by id or by exact title. It runs once a file, and films are few, so it may read
them all.
Plan: index scan on movies_pkey for the ids, hash join for the titles.
$1 bigint[] movie_ids: the ids
$2 text[] titles: the titles; several films may have the same title
Sample: select array_agg(id), array_agg(title) from (select id, title from movies order by id limit 16) as m
*/
select /* bulk/find_films */
    m.id,
    m.title as name,
    m.waiting_room
from movies as m
where m.id = any($1)
union
select
    m.id,
    m.title as name,
    m.waiting_room
from unnest($2::text[]) as named (title)
inner join movies as m on named.title = m.title
order by id;
