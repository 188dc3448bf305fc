/* seats/delete_seats
Deletes seats of a room, if it has no showtime, so that no reservation can have them. The caller has locked the room, and
each showtime is inserted under the lock of its room.
Plan: index scan on seats_pkey, and index only scans on showtimes_auditorium_id_idx, stopped at the first.
$1 bigint[] seat_ids: the seats
Sample: select array_agg(id) from (select s.id from seats as s where not exists (select from showtimes as st where
st.auditorium_id = s.auditorium_id) order by s.id desc limit 4) as s
*/
delete /* seats/delete_seats */ from seats as s
where
    s.id = any($1)
    -- A scalar subquery: for a join, the planner may read all showtimes.
    and (
        select st.id from showtimes as st
        where st.auditorium_id = s.auditorium_id
        order by st.auditorium_id
        limit 1
    ) is null
returning s.id;
