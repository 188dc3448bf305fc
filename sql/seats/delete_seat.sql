/* seats/delete_seat
Deletes a seat of a room that has no showtime, so that no reservation can have it. The caller has locked the room, and each
showtime is inserted under the lock of its room.
Plan: index scan on seats_pkey, and an index only scan on showtimes_auditorium_id_idx, stopped at the first.
$1 bigint seat_id: the seat
Sample: select (select s.id from seats as s where not exists (select from showtimes as st where st.auditorium_id =
s.auditorium_id) order by s.id desc limit 1)
*/
delete /* seats/delete_seat */ from seats as s
where
    s.id = $1
    and not exists (
        select 1 from showtimes as st
        where st.auditorium_id = s.auditorium_id
    )
returning s.id;
