/* movies/find_movie
Returns one film by its id.
Plan: index scan on movies_pkey.
$1 bigint movie_id: the film
Sample: select min(id) from movies
*/
select /* movies/find_movie */
    id,
    title,
    description,
    duration_minutes,
    poster_url,
    genre,
    genres,
    age_rating,
    release_date,
    original_language,
    director,
    waiting_room,
    created_at,
    updated_at
from movies
where id = $1;
