/* mails/find_showtime_before
A showtime as it was before the change that an event tells: what the change left is as it is now. No row: the event is not kept any
more, or the film or the room was deleted.
Plan: index scans on events_pkey, showtimes_pkey, movies_pkey, auditoriums_pkey and cinemas_pkey.
$1 bigint event_id: the event, showtime.changed
Sample: select max(id) from events where type = 'showtime.changed'
*/
select /* mails/find_showtime_before */
    coalesce((e.data -> 'before' ->> 'starts_at')::timestamptz, st.starts_at) as starts_at,
    coalesce((e.data -> 'before' ->> 'ends_at')::timestamptz, st.ends_at) as ends_at,
    false as is_cancelled,
    null::text as cancel_reason,
    case when e.data -> 'before' ? 'format' then e.data -> 'before' ->> 'format' else st.format end as format,
    m.title as movie,
    a.name as auditorium,
    c.name as cinema,
    c.address as cinema_address,
    c.timezone
from events as e
inner join showtimes as st on e.showtime_id = st.id
inner join movies as m on coalesce((e.data -> 'before' ->> 'movie_id')::bigint, st.movie_id) = m.id
inner join auditoriums as a on coalesce((e.data -> 'before' ->> 'auditorium_id')::bigint, st.auditorium_id) = a.id
inner join cinemas as c on a.cinema_id = c.id
where e.id = $1;
