/* seed/block_last_row
Blocks the row furthest from the screen in the demo's first showtime of tomorrow, as the cinema's house seats. Tomorrow
is the day after today in UTC, so it is the first showtime of the README's tour. The showtime is one that this
transaction inserts, so no hold and no map of it exists.
Plan: sequential scan of the few auditoriums, an index scan on showtimes_auditorium_id_idx for each, then
seats_position_key.
$1 text reason: why the seats are blocked
Sample: select 'House seats'
*/
with /* seed/block_last_row */ tomorrows as (
    select
        st.id,
        st.auditorium_id
    from showtimes as st
    inner join auditoriums as a on st.auditorium_id = a.id
    inner join cinemas as c on a.cinema_id = c.id
    where
        a.extra_metadata @> '{"demo": true}'
        and (st.starts_at at time zone c.timezone)::date > (now() at time zone 'UTC')::date
    order by st.starts_at, st.id
    limit 1
)

insert into booked_seats (showtime_id, seat_id, block_reason)
select
    t.id as showtime_id,
    s.id as seat_id,
    $1 as block_reason
from tomorrows as t
inner join seats as s on t.auditorium_id = s.auditorium_id
where
    s.y = (
        select max(other.y) from seats as other
        where other.auditorium_id = t.auditorium_id
    )
order by s.id
on conflict do nothing;
