/* auditoriums/delete_auditorium
Deletes a room. Its seats are deleted by cascade, which finds them by seats_position_key. showtimes_auditorium_id_fkey
refuses a room that has showtimes.
Plan: index scan on auditoriums_pkey.
$1 bigint auditorium_id: the room
Sample: select max(a.id) from auditoriums as a where not exists (select from showtimes as st where st.auditorium_id =
a.id)
*/
delete /* auditoriums/delete_auditorium */ from auditoriums
where id = $1
returning id;
