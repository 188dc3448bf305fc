/* movies/update_movie
Replaces all columns of a film, which the caller has locked. The trigger movies_genres sets genre to the first of the
genres.
Plan: index scan on movies_pkey.
$1 bigint movie_id: the film
$2 text title: 1 to 300 characters
$3 text description: may be empty
$4 integer duration_minutes: running time
$5 text poster_url: may be null
$6 text[] genres: up to 10, may be empty
$7 text age_rating: may be null
$8 date release_date: may be null
$9 text original_language: a language tag; may be null
$10 text director: may be null
$11 boolean waiting_room: whether its new showtimes have a waiting room
Sample: select m.id, m.title, m.description, m.duration_minutes, m.poster_url, m.genres, m.age_rating,
m.release_date, m.original_language, m.director, m.waiting_room from (select) as one left join (select id, title,
description, duration_minutes, poster_url, genres, age_rating, release_date, original_language, director, waiting_room from
movies order by id limit 1) as m on true
*/
update /* movies/update_movie */ movies
set
    title = $2,
    description = $3,
    duration_minutes = $4,
    poster_url = $5,
    genres = $6,
    age_rating = $7,
    release_date = $8,
    original_language = $9,
    director = $10,
    waiting_room = $11,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1
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
