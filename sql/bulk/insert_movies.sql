/* bulk/insert_movies
Inserts films in the order given, so that their ids have the same order.
Plan: function scan, then the inserts.
$1 text[] titles: 1 to 300 characters each
$2 text[] descriptions: may be empty
$3 integer[] durations_minutes: running times
$4 text[] poster_urls: may be null
$5 text[] genres: of each film, a JSON array
$6 text[] age_ratings: may be null
$7 date[] release_dates: may be null
$8 text[] original_languages: may be null
$9 text[] directors: may be null
$10 boolean[] waiting_rooms: whether their new showtimes have a waiting room
Sample: select array['Sample'], array[''], array[90], array[null::text], array['["Drama", "Comedy"]'], array['PG'], array[date
'2000-01-01'], array['en'], array[null::text], array[false]
*/
insert /* bulk/insert_movies */ into movies (
    title,
    description,
    duration_minutes,
    poster_url,
    genres,
    age_rating,
    release_date,
    original_language,
    director,
    waiting_room
)
select
    film.title,
    film.description,
    film.duration_minutes,
    film.poster_url,
    array(
        select each.genre
        from jsonb_array_elements_text(film.genres::jsonb) with ordinality as each (genre, position)
        order by each.position
    ) as genres,
    film.age_rating,
    film.release_date,
    film.original_language,
    film.director,
    film.waiting_room
from
    unnest(
        $1::text[],
        $2::text[],
        $3::integer[],
        $4::text[],
        $5::text[],
        $6::text[],
        $7::date[],
        $8::text[],
        $9::text[],
        $10::boolean[]
    )
    with ordinality as film (
        title,
        description,
        duration_minutes,
        poster_url,
        genres,
        age_rating,
        release_date,
        original_language,
        director,
        waiting_room,
        position
    )
order by film.position;
