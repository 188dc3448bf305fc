/* movies/update_movie
Replaces everything about a film; its row is locked by the caller.
Plan: index scan on movies_pkey.
$1 bigint movie_id: which
$2 text title: 1 to 300 characters
$3 text description: may be empty
$4 integer duration_minutes: running time
$5 text poster_url: or null
$6 text genre: or null
Sample: select m.id, m.title, m.description, m.duration_minutes, m.poster_url, m.genre from (select) as one left join
(select id, title, description, duration_minutes, poster_url, genre from movies order by id limit 1) as m on true
*/
update /* movies/update_movie */ movies
set
    title = $2,
    description = $3,
    duration_minutes = $4,
    poster_url = $5,
    genre = $6,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1
returning id, title, description, duration_minutes, poster_url, genre, created_at, updated_at;
