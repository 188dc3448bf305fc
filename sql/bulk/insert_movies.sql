/* bulk/insert_movies
Inserts films in the order given, so that their ids have the same order.
Plan: function scan, then the inserts.
$1 text[] titles: 1 to 300 characters each
$2 text[] descriptions: may be empty
$3 integer[] durations_minutes: running times
$4 text[] poster_urls: may be null
$5 text[] genres: may be null
Sample: select array['Sample'], array[''], array[90], array[null::text], array['Drama']
*/
insert /* bulk/insert_movies */ into movies (title, description, duration_minutes, poster_url, genre)
select
    film.title,
    film.description,
    film.duration_minutes,
    film.poster_url,
    film.genre
from
    unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[])
    with ordinality as film (title, description, duration_minutes, poster_url, genre, position)
order by film.position;
