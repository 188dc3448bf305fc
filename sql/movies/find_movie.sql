/* movies/find_movie
One film by its id.
Plan: index scan on movies_pkey.
$1 bigint movie_id: which
*/
select
    id,
    title,
    description,
    duration_minutes,
    poster_url,
    genre,
    created_at,
    updated_at
from movies
where id = $1;
