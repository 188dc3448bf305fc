/* showtimes/layouts
What the seat maps of showtimes are drawn from, besides the plans of their rooms: which room, at which version of its plan
and at which price; what a reservation shows of its showtime; and, if asked for, the seats that are sold or blocked, those of
archived reservations included, and once more those that are blocked: archiving changes no seat map. No row: no such
showtime. For a worker that sees a showtime for the first time, also what its keys in Redis are rebuilt from, as
showtimes/prime reads it.
Plan: index scans on showtimes_pkey, auditoriums_pkey, movies_pkey and cinemas_pkey; with_booked, an index only scan on
booked_seats_showtime_id_seat_id_key, one on booked_seats_blocked_idx, and an index scan on
archived_reservations_showtime_id_idx, which finds nothing for a showtime that can still be booked; with_holds, an index
scan on reservations_showtime_id_expires_at_idx.
$1 bigint[] showtime_ids: which
$2 boolean with_booked: whether these seats are wanted, else booked and blocked are empty
$3 boolean with_holds: whether the live holds are wanted, else held, holders and ttls_ms are empty
Sample: select array_agg(id), true, true from (select id from showtimes where starts_at > now() order by starts_at, id limit 16)
as st
*/
select /* showtimes/layouts */
    st.id,
    st.starts_at,
    st.ends_at,
    st.on_sale_at,
    coalesce(st.sales_end_at, st.starts_at) as sales_end_at,
    st.waiting_room,
    st.status,
    st.movie_id,
    m.title as movie_title,
    st.auditorium_id,
    a.plan_version,
    st.base_price,
    st.layout_version,
    a.name as auditorium_name,
    a.cinema_id,
    c.name as cinema_name,
    c.timezone as cinema_timezone,
    a.focal_row,
    array(
        select b.seat_id
        from booked_seats as b
        where $2 and b.showtime_id = st.id
        union all
        select unnest(ar.seat_ids) as seat_id
        from archived_reservations as ar
        where $2 and ar.showtime_id = st.id and ar.status = 'confirmed'
    ) as booked,
    array(
        select bl.seat_id
        from booked_seats as bl
        where $2 and bl.showtime_id = st.id and bl.reservation_id is null
    ) as blocked,
    (extract(epoch from clock_timestamp()) * 1000000)::bigint as version,
    live.held,
    live.holders,
    live.ttls_ms
from showtimes as st
-- One lookup each: for a join, the planner would read all rooms.
cross join
    lateral (
        select
            own.plan_version,
            own.name,
            own.cinema_id,
            own.focal_row
        from auditoriums as own
        where own.id = st.auditorium_id
        order by own.id
        limit 1
    ) as a
cross join
    lateral (
        select own.title
        from movies as own
        where own.id = st.movie_id
        order by own.id
        limit 1
    ) as m
cross join
    lateral (
        select
            own.name,
            own.timezone
        from cinemas as own
        where own.id = a.cinema_id
        order by own.id
        limit 1
    ) as c
cross join
    lateral (
        select
            coalesce(array_agg(seat.id order by seat.id asc, r.expires_at desc), '{}') as held,
            coalesce(array_agg(r.id order by seat.id asc, r.expires_at desc), '{}') as holders,
            coalesce(
                array_agg((extract(epoch from r.expires_at - now()) * 1000)::bigint order by seat.id asc, r.expires_at desc),
                '{}'
            ) as ttls_ms
        from reservations as r
        cross join lateral unnest(r.seat_ids) as seat (id)
        where $3 and r.showtime_id = st.id and r.status = 'held' and r.expires_at > now()
    ) as live
where st.id = any($1);
