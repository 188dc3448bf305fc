/* showtimes/insert_showtimes
Puts films on, in the order given; the caller has locked the rooms and the films. What showtimes_overlap_excl refuses is
left out, and does not keep the others out: neither what overlaps a showtime that was there, nor what overlaps one
before it in the arrays. There is no conflict target, since an exclusion constraint cannot be one. In one room no two
rows that were inserted start at once, so room, start and end tell the caller which ones they are.
Plan: function scan, sorted by position, with an index scan on movies_pkey for each without a waiting_room of its own;
then the inserts.
$1 bigint[] movie_ids: which films
$2 bigint[] auditorium_ids: in which rooms
$3 timestamptz[] starts_at: starts
$4 timestamptz[] ends_at: ends
$5 bigint cleaning_s: seconds after the end in which a room cannot be used
$6 numeric[] base_prices: prices of a seat whose modifier is 1.00
$7 text[] formats: may be null
$8 text[] audio_languages: may be null
$9 text[] subtitle_languages: may be null
$10 timestamptz[] on_sale_at: start of the sale, null for at once
$11 timestamptz[] sales_end_at: end of the sale, null for starts_at
$12 boolean[] waiting_rooms: whether its holds need an admission, null for the value of its film
Sample: select array_agg(movie_id), array_agg(auditorium_id), array_agg(starts_at), array_agg(starts_at + interval '2
hours'), 900::bigint, array_agg(12.50), array_agg(null::text), array_agg(null::text), array_agg(null::text),
array_agg(null::timestamptz), array_agg(null::timestamptz), array_agg(null::boolean) from (select (select min(id) from
movies) as movie_id, (select min(id) from auditoriums) as auditorium_id, now() + interval '20 years' + days.number
* interval '1 day' as starts_at from generate_series(1, 16) as days (number)) as st
*/
insert /* showtimes/insert_showtimes */ into showtimes (
    movie_id,
    auditorium_id,
    starts_at,
    ends_at,
    free_at,
    base_price,
    format,
    audio_language,
    subtitle_language,
    on_sale_at,
    sales_end_at,
    waiting_room
)
select
    wanted.movie_id,
    wanted.auditorium_id,
    wanted.starts_at,
    wanted.ends_at,
    wanted.ends_at + $5::bigint * interval '1 second' as free_at,
    wanted.base_price,
    wanted.format,
    wanted.audio_language,
    wanted.subtitle_language,
    wanted.on_sale_at,
    wanted.sales_end_at,
    coalesce(
        wanted.waiting_room,
        (
            select m.waiting_room
            from movies as m
            where m.id = wanted.movie_id
        )
    ) as waiting_room
from
    unnest(
        $1::bigint[],
        $2::bigint[],
        $3::timestamptz[],
        $4::timestamptz[],
        $6::numeric[],
        $7::text[],
        $8::text[],
        $9::text[],
        $10::timestamptz[],
        $11::timestamptz[],
        $12::boolean[]
    )
    with ordinality as wanted (
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
        waiting_room,
        position
    )
order by wanted.position
on conflict do nothing
returning id, auditorium_id, starts_at, ends_at;
