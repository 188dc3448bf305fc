/* availability/find_availability
What lists show of showtimes: the seats of the room, those that are left by the last count, and the lowest price of a seat.
Plan: index scans on showtimes_pkey, auditoriums_pkey and showtime_availability_pkey.
$1 bigint[] showtime_ids: which
Sample: select array_agg(id) from (select id from showtimes where starts_at > now() order by starts_at, id limit 50) as st
*/
select /* availability/find_availability */
    st.id as showtime_id,
    a.seat_count as capacity,
    greatest(a.seat_count - coalesce(av.taken, 0), 0) as seats_left,
    st.price_from
from showtimes as st
-- One lookup each: for a join, the planner would read all rooms.
cross join
    lateral (
        select own.seat_count
        from auditoriums as own
        where own.id = st.auditorium_id
        order by own.id
        limit 1
    ) as a
left join showtime_availability as av on st.id = av.showtime_id
where st.id = any($1);
