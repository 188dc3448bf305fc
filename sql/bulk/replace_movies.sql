/* bulk/replace_movies
Replaces all columns of films. The caller has locked them. Rows without a change are not updated, so that their
updated_at stays.
Plan: function scan, then index scans on movies_pkey.
$1 bigint[] movie_ids: the films
$2 text[] titles: 1 to 300 characters each
$3 text[] descriptions: may be empty
$4 integer[] durations_minutes: running times
$5 text[] poster_urls: may be null
$6 text[] genres: may be null
Sample: select array_agg(id), array_agg(title || '.'), array_agg(description), array_agg(duration_minutes),
array_agg(poster_url), array_agg(genre) from (select id, title, description, duration_minutes, poster_url, genre from
movies where char_length(title) < 300 order by id limit 16) as m
*/
update /* bulk/replace_movies */ movies
set
    title = film.title,
    description = film.description,
    duration_minutes = film.duration_minutes,
    poster_url = film.poster_url,
    genre = film.genre,
    updated_at = greatest(clock_timestamp(), movies.updated_at + interval '1 microsecond')
from
    unnest($1::bigint[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[])
        as film (id, title, description, duration_minutes, poster_url, genre)
where
    movies.id = film.id
    and (movies.title, movies.description, movies.duration_minutes, movies.poster_url, movies.genre)
    is distinct from (film.title, film.description, film.duration_minutes, film.poster_url, film.genre)
returning movies.id;
