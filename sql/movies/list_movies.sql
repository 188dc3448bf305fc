/* movies/list_movies
A page of films in the order of their ids, narrowed down by title and genre where asked for.
Plan: index scan on movies_pkey, stopped by the limit; a chain's films are few enough to read through.
$1 bigint after: the last id of the page before; 0 for the first page
$2 text title_part: in the title, whatever its case; null for any
$3 text genre: the whole genre, whatever its case; null for any
$4 bigint row_limit: most rows to answer
Sample: select 0::bigint, null::text, null::text, 50::bigint
*/
select /* movies/list_movies */
    id,
    title,
    description,
    duration_minutes,
    poster_url,
    genre,
    created_at,
    updated_at
from movies
where
    id > $1
    and ($2::text is null or position(lower($2) in lower(title)) > 0)
    and ($3::text is null or lower(genre) = lower($3))
order by id
limit $4;
