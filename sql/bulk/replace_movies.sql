/* bulk/replace_movies
Replaces all columns of films. The caller has locked them. Rows without a change are not updated, so that their
updated_at stays.
Plan: function scan, then index scans on movies_pkey.
$1 bigint[] movie_ids: the films
$2 text[] titles: 1 to 300 characters each
$3 text[] descriptions: may be empty
$4 integer[] durations_minutes: running times
$5 text[] poster_urls: may be null
$6 text[] genres: of each film, a JSON array
$7 text[] age_ratings: may be null
$8 date[] release_dates: may be null
$9 text[] original_languages: may be null
$10 text[] directors: may be null
$11 boolean[] waiting_rooms: whether their new showtimes have a waiting room
Sample: select array_agg(id), array_agg(title || '.'), array_agg(description), array_agg(duration_minutes),
array_agg(poster_url), array_agg(to_jsonb(genres)::text), array_agg(age_rating), array_agg(release_date),
array_agg(original_language), array_agg(director), array_agg(waiting_room) from (select id, title, description,
duration_minutes, poster_url, genres, age_rating, release_date, original_language, director, waiting_room from movies where
char_length(title) < 300 order by id limit 16) as m
*/
update /* bulk/replace_movies */ movies
set
    title = film.title,
    description = film.description,
    duration_minutes = film.duration_minutes,
    poster_url = film.poster_url,
    genres = film.genres,
    age_rating = film.age_rating,
    release_date = film.release_date,
    original_language = film.original_language,
    director = film.director,
    waiting_room = film.waiting_room,
    updated_at = greatest(clock_timestamp(), movies.updated_at + interval '1 microsecond')
from (
    select
        f.id,
        f.title,
        f.description,
        f.duration_minutes,
        f.poster_url,
        array(
            select each.genre
            from jsonb_array_elements_text(f.genres::jsonb) with ordinality as each (genre, position)
            order by each.position
        ) as genres,
        f.age_rating,
        f.release_date,
        f.original_language,
        f.director,
        f.waiting_room
    from
        unnest(
            $1::bigint[],
            $2::text[],
            $3::text[],
            $4::integer[],
            $5::text[],
            $6::text[],
            $7::text[],
            $8::date[],
            $9::text[],
            $10::text[],
            $11::boolean[]
        ) as f (
            id,
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
) as film
where
    movies.id = film.id
    and (
        movies.title,
        movies.description,
        movies.duration_minutes,
        movies.poster_url,
        movies.genres,
        movies.age_rating,
        movies.release_date,
        movies.original_language,
        movies.director,
        movies.waiting_room
    )
    is distinct from (
        film.title,
        film.description,
        film.duration_minutes,
        film.poster_url,
        film.genres,
        film.age_rating,
        film.release_date,
        film.original_language,
        film.director,
        film.waiting_room
    )
returning movies.id;
