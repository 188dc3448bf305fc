/* movies/list_movies
Returns a page of films in the order of their ids, filtered by title and genre.
Plan: index scan on movies_pkey, stopped by the limit; a filter reads more films, of which there are few, and now_showing
looks at showtimes_movie_id_idx for each.
$1 bigint after: the last id of the page before; 0 for the first page
$2 text title_part: a part of the title, compared as fold_text does, of which no title has an empty one; null for any title
$3 text genre: one of its genres, compared as fold_text does; null for any genre
$4 boolean now_showing: whether it has a scheduled showtime that has not started; null for both
$5 bigint row_limit: the most rows of the page
Sample: select 0::bigint, null::text, null::text, true, 50::bigint
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
    waiting_room,
    created_at,
    updated_at
from movies
where
    id > $1
    and ($2::text is null or position(nullif(fold_text($2), '') in folded_title) > 0)
    and ($3::text is null or fold_texts(genres) @> array[fold_text($3)])
    and (
        $4::boolean is null
        or $4 = (
            select count(*) > 0
            from (
                select 1
                from showtimes as st
                where st.movie_id = movies.id and st.starts_at > now() and st.status = 'scheduled'
                order by st.starts_at
                limit 1
            ) as next
        )
    )
order by id
limit $5;
