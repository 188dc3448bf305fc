/* bulk/replace_showtimes
Replaces all columns of showtimes, as update_showtime does for one. The caller has locked the showtimes and their rooms,
and has moved showtimes in the way with set_aside.
Plan: function scan, then index scans on showtimes_pkey.
$1 bigint[] showtime_ids: the showtimes
$2 bigint[] movie_ids: their films
$3 bigint[] auditorium_ids: their rooms
$4 timestamptz[] starts_at: their starts
$5 timestamptz[] ends_at: their ends
$6 bigint cleaning_s: seconds after the end in which a room cannot be used
$7 numeric[] base_prices: prices of a seat whose modifier is 1.00
$8 text[] formats: may be null
$9 text[] audio_languages: may be null
$10 text[] subtitle_languages: may be null
$11 timestamptz[] on_sale_at: starts of the sales, null for at once
$12 timestamptz[] sales_end_at: ends of the sales, null for starts_at
$13 boolean[] waiting_rooms: whether their holds need an admission
Sample: select array_agg(id), array_agg(movie_id), array_agg(auditorium_id), array_agg(starts_at), array_agg(ends_at),
0::bigint, array_agg(base_price), array_agg(format), array_agg(audio_language), array_agg(subtitle_language),
array_agg(on_sale_at), array_agg(sales_end_at), array_agg(waiting_room) from (select id, movie_id, auditorium_id, starts_at, ends_at,
base_price, format, audio_language, subtitle_language, on_sale_at, sales_end_at, waiting_room from showtimes order by id limit 16) as st
*/
update /* bulk/replace_showtimes */ showtimes
set
    movie_id = wanted.movie_id,
    auditorium_id = wanted.auditorium_id,
    starts_at = wanted.starts_at,
    ends_at = wanted.ends_at,
    free_at = wanted.ends_at + $6::bigint * interval '1 second',
    base_price = wanted.base_price,
    format = wanted.format,
    audio_language = wanted.audio_language,
    subtitle_language = wanted.subtitle_language,
    on_sale_at = wanted.on_sale_at,
    sales_end_at = wanted.sales_end_at,
    waiting_room = wanted.waiting_room,
    updated_at = greatest(clock_timestamp(), showtimes.updated_at + interval '1 microsecond')
from
    unnest(
        $1::bigint[],
        $2::bigint[],
        $3::bigint[],
        $4::timestamptz[],
        $5::timestamptz[],
        $7::numeric[],
        $8::text[],
        $9::text[],
        $10::text[],
        $11::timestamptz[],
        $12::timestamptz[],
        $13::boolean[]
    ) as wanted (
        id,
        movie_id,
        auditorium_id,
        starts_at,
        ends_at,
        base_price,
        format,
        audio_language,
        subtitle_language,
        on_sale_at,
        sales_end_at,
        waiting_room
    )
where showtimes.id = wanted.id;
