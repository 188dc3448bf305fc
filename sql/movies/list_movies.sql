/* movies/list_movies
Returns a page of films in the order of their ids, filtered by title and genre.
Plan: index scan on movies_pkey, stopped by the limit; a filter reads more films, of which there are few.
$1 bigint after: the last id of the page before; 0 for the first page
$2 text title_part: a part of the title, in any case; null for any title
$3 text genre: the whole genre, in any case; null for any genre
$4 bigint row_limit: the most rows of the page
Sample: select 0::bigint, null::text, null::text, 50::bigint
*/
select /* movies/list_movies */
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
    created_at,
    updated_at
from movies
where
    id > $1
    and ($2::text is null or position(lower($2) in lower(title)) > 0)
    and ($3::text is null or lower(genre) = lower($3))
order by id
limit $4;
