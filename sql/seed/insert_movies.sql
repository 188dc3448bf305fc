/* seed/insert_movies
Adds films, in the order given, so that their ids follow it. An empty genre or poster means none is known.
Plan: function scan, then the inserts.
$1 text[] titles: one each
$2 text[] descriptions: likewise
$3 integer[] durations_minutes: running times
$4 text[] genres: may be empty strings
$5 text[] poster_urls: may be empty strings
Sample: select array['Sample'], array[''], array[90], array['Drama'], array['']
*/
insert /* seed/insert_movies */ into movies (title, description, duration_minutes, genre, poster_url)
select
    film.title,
    film.description,
    film.duration_minutes,
    nullif(film.genre, '') as genre,
    nullif(film.poster_url, '') as poster_url
from
    unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[])
    with ordinality as film (title, description, duration_minutes, genre, poster_url, position)
order by film.position;
