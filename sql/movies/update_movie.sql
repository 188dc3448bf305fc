/* movies/update_movie
Replaces all columns of a film. The caller has locked it.
Plan: index scan on movies_pkey.
$1 bigint movie_id: the film
$2 text title: 1 to 300 characters
$3 text description: may be empty
$4 integer duration_minutes: running time
$5 text poster_url: may be null
$6 text genre: may be null
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
