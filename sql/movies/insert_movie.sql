/* movies/insert_movie
Inserts a film. The trigger movies_genres sets genre to the first of the genres.
Plan: one insert.
$1 text title: 1 to 300 characters
$2 text description: may be empty
$3 integer duration_minutes: running time
$4 text poster_url: may be null
$5 text[] genres: up to 10, may be empty
$6 text age_rating: may be null
$7 date release_date: may be null
$8 text original_language: a language tag; may be null
$9 text director: may be null
$10 boolean waiting_room: whether its new showtimes have a waiting room
Sample: select 'Sample', '', 90, null::text, array['Drama'], 'PG', date '2000-01-01', 'en', null::text, false
*/
insert /* movies/insert_movie */ into movies (
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
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
returning
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
    updated_at;
