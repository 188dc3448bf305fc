/* showtimes/update_showtime
Replaces everything about a showtime; its row and its room are locked by the caller.
Plan: index scans on showtimes_pkey and, without a waiting_room, on movies_pkey.
$1 bigint showtime_id: which
$2 bigint movie_id: which film
$3 bigint auditorium_id: in which room
$4 timestamptz starts_at: start
$5 timestamptz ends_at: end
$6 bigint cleaning_s: seconds after the end in which the room cannot be used
$7 numeric base_price: price of a seat whose modifier is 1.00
$8 text format: may be null
$9 text audio_language: may be null
$10 text subtitle_language: may be null
$11 timestamptz on_sale_at: start of the sale, null for at once
$12 timestamptz sales_end_at: end of the sale, null for starts_at
$13 boolean waiting_room: whether its holds need an admission, null for the value of its film
Sample: select st.id, st.movie_id, st.auditorium_id, st.starts_at, st.ends_at, 0::bigint, st.base_price, st.format,
st.audio_language, st.subtitle_language, st.on_sale_at, st.sales_end_at, st.waiting_room from (select) as one left join
(select id, movie_id, auditorium_id, starts_at, ends_at, base_price, format, audio_language, subtitle_language, on_sale_at,
sales_end_at, waiting_room from showtimes where starts_at > now() order by starts_at, id limit 1) as st on true
*/
update /* showtimes/update_showtime */ showtimes
set
    movie_id = $2,
    auditorium_id = $3,
    starts_at = $4,
    ends_at = $5,
    free_at = $5::timestamptz + $6::bigint * interval '1 second',
    base_price = $7,
    format = $8,
    audio_language = $9,
    subtitle_language = $10,
    on_sale_at = $11,
    sales_end_at = $12,
    -- Of a film that there is not: any value, so that the foreign key refuses it.
    waiting_room = coalesce(
        $13,
        (
            select m.waiting_room
            from movies as m
            where m.id = $2
        ),
        false
    ),
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1;
