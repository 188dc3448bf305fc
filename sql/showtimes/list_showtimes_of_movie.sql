/* showtimes/list_showtimes_of_movie
A page of one film's showtimes in the order of their start.
Plan: index scan on showtimes_movie_id_idx, stopped by the limit.
$1 timestamptz after_start: start of the last one of the page before, or the earliest start wanted; null for now
$2 bigint after_id: its id; 0 for the first page
$3 timestamptz before: starts earlier than this
$4 bigint movie_id: which film
$5 bigint row_limit: most rows to answer
Sample: select null::timestamptz, 0::bigint, now() + interval '1 year', (select movie_id from showtimes where starts_at
> now() order by starts_at limit 1), 50::bigint
*/
select /* showtimes/list_showtimes_of_movie */
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
    st.status,
    st.cancelled_at,
    st.cancel_reason,
    st.created_at,
    st.updated_at
from showtimes as st
inner join movies as m on st.movie_id = m.id
inner join auditoriums as a on st.auditorium_id = a.id
where
    (st.starts_at, st.id) > (coalesce($1, now()), $2)
    and st.starts_at < $3
    and st.movie_id = $4
order by st.starts_at, st.id
limit $5;
