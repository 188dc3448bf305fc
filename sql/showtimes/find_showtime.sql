/* showtimes/find_showtime
One showtime with the names of its film and room.
Plan: index scans on the three primary keys.
$1 bigint showtime_id: which
Sample: select (select id from showtimes where starts_at > now() order by starts_at, id limit 1)
*/
select /* showtimes/find_showtime */
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
from showtimes as st
inner join movies as m on st.movie_id = m.id
inner join auditoriums as a on st.auditorium_id = a.id
where st.id = $1;
