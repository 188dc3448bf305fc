/* seed/insert_movies
Inserts films in the order given, so that their ids have the same order.
Plan: function scan, then the inserts.
$1 text[] titles: 1 to 300 characters each
$2 text[] descriptions: may be empty
$3 integer[] durations_minutes: running times
$4 text[] genres: an empty text if unknown
$5 text[] poster_urls: an empty text if unknown
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
