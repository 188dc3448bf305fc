/* showtimes/list_showtimes_of_films
Returns a page of one film's showtimes, or of those of a genre, in the order of their start, earliest or latest first. A
cinema, a room, a status or a day reads more showtimes of each film, but none outside of the times.
The optional conditions are in a CASE: PostgreSQL expects of it that half of the rows meet it, and so reads the index in
its order.
Plan: index scan on movies_pkey or bitmap scan on movies_folded_genres_idx; for each film an index scan on showtimes_movie_id_idx that
ends at row_limit; then primary key look-ups for the page.
$1 timestamptz after_start: showtimes after this start and id; null for now
$2 bigint after_id: 0 to include all that start then
$3 timestamptz before_start: showtimes before this start and id
$4 bigint before_id: 0 to include none that starts then
$5 boolean descending: whether the latest come first
$6 text[] statuses: of these only
$7 date day: that start on this day in the time zone of their cinema; null for any
$8 bigint movie_id: this film; null for any, if there is a genre
$9 text genre: one of the film's genres, in any case; null for any, if there is a film
$10 bigint cinema_id: in this cinema; null for any
$11 bigint auditorium_id: in this room; null for any
$12 bigint row_limit: the most rows of the page
$13 integer min_seats_left: with so many seats left by the last count; null for any
Sample: select null::timestamptz, 0::bigint, now() + interval '1 year', 0::bigint, false, array['scheduled'],
null::date, (select movie_id from showtimes where starts_at > now() order by starts_at, id limit 1), null::text,
null::bigint, null::bigint, 50::bigint, null::integer
*/
with /* showtimes/list_showtimes_of_films */ page as (
    select
        near.id,
        near.starts_at
    from (
        select m.id
        from movies as m
        where m.id = $8 and ($9::text is null or fold_texts(m.genres) @> array[fold_text($9)])
        union all
        select m.id
        from movies as m
        where fold_texts(m.genres) @> array[fold_text($9)] and $8::bigint is null
    ) as film
    cross join
        lateral (
            (
                select
                    st.id,
                    st.starts_at
                from showtimes as st
                where
                    not $5
                    and st.movie_id = film.id
                    and (st.starts_at, st.id) > (coalesce($1, now()), $2)
                    and (st.starts_at, st.id) < ($3, $4)
                    and st.status = any($6)
                    and case
                        when $7::date is null and $10::bigint is null and $11::bigint is null and $13::integer is null then true
                        else
                            ($11 is null or st.auditorium_id = $11)
                            and ($10 is null or st.auditorium_id = any(array(
                                select a.id
                                from auditoriums as a
                                where a.cinema_id = $10
                            )))
                            and ($7 is null or (
                                st.starts_at at time zone (
                                    select c.timezone
                                    from auditoriums as a
                                    inner join cinemas as c on a.cinema_id = c.id
                                    where a.id = st.auditorium_id
                                )
                            )::date = $7)
                            and ($13 is null or (
                                select
                                    a.seat_count - coalesce((
                                        select av.taken
                                        from showtime_availability as av
                                        where av.showtime_id = st.id
                                    ), 0)
                                from auditoriums as a
                                where a.id = st.auditorium_id
                            ) >= $13)
                    end
                order by st.starts_at, st.id
                limit $12
            )
            union all
            (
                select
                    st.id,
                    st.starts_at
                from showtimes as st
                where
                    $5
                    and st.movie_id = film.id
                    and (st.starts_at, st.id) > (coalesce($1, now()), $2)
                    and (st.starts_at, st.id) < ($3, $4)
                    and st.status = any($6)
                    and case
                        when $7::date is null and $10::bigint is null and $11::bigint is null and $13::integer is null then true
                        else
                            ($11 is null or st.auditorium_id = $11)
                            and ($10 is null or st.auditorium_id = any(array(
                                select a.id
                                from auditoriums as a
                                where a.cinema_id = $10
                            )))
                            and ($7 is null or (
                                st.starts_at at time zone (
                                    select c.timezone
                                    from auditoriums as a
                                    inner join cinemas as c on a.cinema_id = c.id
                                    where a.id = st.auditorium_id
                                )
                            )::date = $7)
                            and ($13 is null or (
                                select
                                    a.seat_count - coalesce((
                                        select av.taken
                                        from showtime_availability as av
                                        where av.showtime_id = st.id
                                    ), 0)
                                from auditoriums as a
                                where a.id = st.auditorium_id
                            ) >= $13)
                    end
                order by st.starts_at desc, st.id desc
                limit $12
            )
        ) as near
    order by
        case when not $5 then near.starts_at end asc,
        case when not $5 then near.id end asc,
        case when $5 then near.starts_at end desc,
        case when $5 then near.id end desc
    limit $12
)

select
    st.id,
    st.movie_id,
    m.title as movie_title,
    st.auditorium_id,
    a.name as auditorium_name,
    a.cinema_id,
    st.starts_at,
    st.ends_at,
    st.base_price,
    st.format,
    st.audio_language,
    st.subtitle_language,
    st.on_sale_at,
    st.sales_end_at,
    st.waiting_room,
    st.status,
    st.cancelled_at,
    st.cancel_reason,
    st.created_at,
    st.updated_at
from page
inner join showtimes as st on page.id = st.id
inner join movies as m on st.movie_id = m.id
inner join auditoriums as a on st.auditorium_id = a.id
order by
    case when not $5 then st.starts_at end asc,
    case when not $5 then st.id end asc,
    case when $5 then st.starts_at end desc,
    case when $5 then st.id end desc;
