/* reports/occupancy
How full the showtimes of some days are, each row a day, cinema, film or showtime. A day is that of the start in the showtime's
cinema, so the times of $5 and $6 are a day wider on both sides. Cancelled showtimes are left out, but for the one of $7.
Sold seats are those of confirmed reservations, archived ones included; held ones are in holds that have not expired.
The capacity is the number of seats that the room has now. No-shows are the sold seats, of showtimes that have started, whose
tickets were not checked in; null if none has started.
Plan: index scan on showtimes_starts_at_idx or showtimes_pkey; for each showtime reservations_showtime_id_expires_at_idx,
archived_reservations_showtime_id_idx, booked_seats_blocked_idx and tickets_seat_key.
$1 text grouping: day, cinema, movie or showtime
$2 date first_day: the first day, included
$3 date last_day: the last day, included
$4 bigint cinema_id: only showtimes of this cinema; null for all
$5 timestamptz since: a day before the first day begins in UTC
$6 timestamptz until: a day after the last day ends in UTC
$7 bigint showtime_id: only this showtime, whatever its day; null for all
$8 bigint row_limit: most rows of the result
Sample: select 'day', current_date - 7, current_date, null::bigint, now() - interval '8 days', now() + interval
'2 days', null::bigint, 100::bigint
*/
with /* reports/occupancy */ showtime as (
    -- noqa: disable=ST10
    select
        st.id,
        st.movie_id,
        ci.id as cinema_id,
        (st.starts_at at time zone ci.timezone)::date as day,
        a.seat_count,
        kept.sold + coalesce(archived.sold, 0) as sold,
        kept.held,
        blocked.seats as blocked,
        case
            when st.starts_at <= now() then kept.sold + coalesce(archived.sold, 0) - (
                select count(*)
                from tickets as t
                where t.showtime_id = st.id and t.cancelled_at is null and t.checked_in_at is not null
            )
        end as no_shows
    from showtimes as st
    inner join auditoriums as a on st.auditorium_id = a.id
    inner join cinemas as ci on a.cinema_id = ci.id
    cross join
        lateral (
            select
                coalesce(sum(cardinality(r.seat_ids)) filter (where r.status = 'confirmed'), 0) as sold,
                coalesce(sum(cardinality(r.seat_ids)) filter (where r.status = 'held' and r.expires_at > now()), 0) as held
            from reservations as r
            where r.showtime_id = st.id
        ) as kept
    cross join
        lateral (
            select sum(cardinality(r.seat_ids)) as sold
            from archived_reservations as r
            where r.showtime_id = st.id and r.status = 'confirmed'
        ) as archived
    cross join
        lateral (
            select count(*) as seats
            from booked_seats as b
            where b.showtime_id = st.id and b.reservation_id is null
        ) as blocked
    where
        ($7::bigint is null or st.id = $7)
        and (
            $7::bigint is not null
            or (
                st.status = 'scheduled'
                and st.starts_at >= $5
                and st.starts_at < $6
                and (st.starts_at at time zone ci.timezone)::date between $2 and $3
            )
        )
        and ($4::bigint is null or ci.id = $4)
),

keyed as (
    select
        case when $1 = 'day' then day end as day,
        case $1 when 'cinema' then cinema_id when 'movie' then movie_id when 'showtime' then id end as id,
        seat_count,
        blocked,
        sold,
        held,
        no_shows
    from showtime
),

summed as (
    select
        day,
        id,
        count(*) as showtimes,
        sum(seat_count)::bigint as capacity,
        sum(blocked)::bigint as blocked,
        sum(sold)::bigint as sold,
        sum(held)::bigint as held,
        sum(no_shows)::bigint as no_shows
    from keyed
    group by day, id
)

select
    s.day,
    s.id,
    s.showtimes,
    s.capacity,
    s.blocked,
    s.sold,
    s.held,
    s.no_shows,
    cinema.id as cinema_id,
    coalesce(named_cinema.name, cinema.name) as cinema_name,
    coalesce(named_movie.title, movie.title) as movie_title,
    room.name as auditorium_name,
    of_row.starts_at
from summed as s
left join cinemas as named_cinema on $1 = 'cinema' and s.id = named_cinema.id
left join movies as named_movie on $1 = 'movie' and s.id = named_movie.id
left join showtimes as of_row on $1 = 'showtime' and s.id = of_row.id
left join movies as movie on of_row.movie_id = movie.id
left join auditoriums as room on of_row.auditorium_id = room.id
left join cinemas as cinema on room.cinema_id = cinema.id
order by s.day, of_row.starts_at, s.id
limit $8;
