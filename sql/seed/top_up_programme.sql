/* seed/top_up_programme
Fills the programme of the demo's rooms: each coming day on which a room has no showtime gets films from 10:00 to 23:00,
in the time zone of its cinema. Days with showtimes are left alone, so a second run adds nothing. The rooms are those
whose metadata marks them; each shows a part of the films, in an order that depends on the day. Trailers take 15
minutes, and the next film starts on the first multiple of five minutes 15 minutes after the end. A showtime that
conflicts with one that is inserted at the same time is skipped by the exclusion constraint.
Plan: sequential scan of the few auditoriums; their showtimes hashed or by showtimes_auditorium_id_idx; movies_pkey
stopped by the limit; a recursive walk of some five steps a room and day.
$1 integer days: how many days to fill, from tomorrow in each cinema by this server's clock
$2 bigint film_limit: the most films to show
Sample: select 15, 30::bigint
*/
with /* seed/top_up_programme */ recursive chosen as (
    select
        id,
        duration_minutes
    from movies
    where duration_minutes <= 170
    order by id
    limit $2
),

films as (
    select
        id,
        duration_minutes,
        row_number() over (order by id) - 1 as number,
        count(*) over () as total
    from chosen
),

rooms as (
    select
        a.id,
        row_number() over (order by a.id) - 1 as number,
        count(*) over () as total,
        c.timezone,
        coalesce(a.extra_metadata ->> 'format', '2D') as best_format,
        coalesce(a.extra_metadata ->> 'language', 'en') as language
    from auditoriums as a
    inner join cinemas as c on a.cinema_id = c.id
    where a.extra_metadata @> '{"demo": true}'
),

days as (
    select
        r.id as auditorium_id,
        (now() at time zone r.timezone)::date + ahead.days as day
    from rooms as r
    cross join generate_series(1, $1::integer) as ahead (days)
),

empty_days as (
    select
        r.id as auditorium_id,
        r.number as room_number,
        r.total as room_total,
        d.day,
        d.day - date '2000-01-01' as day_number
    from rooms as r
    inner join days as d on r.id = d.auditorium_id
    where not exists (
        select 1 from showtimes as st
        where
            st.auditorium_id = r.id
            and st.starts_at < (d.day + 1)::timestamp at time zone r.timezone
            and st.free_at > d.day::timestamp at time zone r.timezone
    )
),

programme as (
    select
        e.auditorium_id,
        e.room_number,
        e.room_total,
        e.day,
        e.day_number,
        0 as slot,
        null::bigint as movie_id,
        null::timestamp as starts_at,
        null::timestamp as ends_at,
        -- The rooms open a quarter of an hour apart, so that the queues at the door do.
        e.day + time '10:00' + e.room_number % 3 * interval '15 minutes' as next_start
    from empty_days as e
    union all
    select
        p.auditorium_id,
        p.room_number,
        p.room_total,
        p.day,
        p.day_number,
        p.slot + 1 as slot,
        f.id as movie_id,
        p.next_start as starts_at,
        p.next_start + (f.duration_minutes + 15) * interval '1 minute' as ends_at,
        date_bin(
            '5 minutes',
            p.next_start + (f.duration_minutes + 15 + 15 + 4) * interval '1 minute',
            timestamp '2000-01-01'
        ) as next_start
    from programme as p
    inner join films as f
        on f.number = ((p.day_number + p.slot * 3) * p.room_total + p.room_number) % f.total
    where p.next_start + (f.duration_minutes + 15) * interval '1 minute' <= p.day + time '23:00'
)

insert into showtimes (
    movie_id, auditorium_id, starts_at, ends_at, free_at, base_price, format, audio_language, subtitle_language
)
select
    p.movie_id,
    p.auditorium_id,
    p.starts_at at time zone r.timezone as starts_at,
    p.starts_at at time zone r.timezone + (p.ends_at - p.starts_at) as ends_at,
    p.starts_at at time zone r.timezone + (p.ends_at - p.starts_at) as free_at,
    case
        when p.starts_at::time < time '12:00' then 8.00
        when p.starts_at::time < time '17:00' then 10.00
        else 12.50
    end as base_price,
    case when p.slot % 2 = 1 then r.best_format else '2D' end as format,
    -- In a country with another language every second film is dubbed, and the others have subtitles.
    case when p.slot % 2 = 1 then r.language else 'en' end as audio_language,
    case when p.slot % 2 = 0 and r.language <> 'en' then r.language end as subtitle_language
from programme as p
inner join rooms as r on p.auditorium_id = r.id
where p.movie_id is not null
order by starts_at, p.auditorium_id
on conflict do nothing;
