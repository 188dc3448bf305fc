/* auditoriums/delete_auditorium
Removes a room and its seats; showtimes_auditorium_id_fkey refuses one that has showtimes.
Plan: index scan on auditoriums_pkey; seats by cascade through seats_position_key.
$1 bigint auditorium_id: which
Sample: select max(a.id) from auditoriums as a where not exists (select from showtimes as st where st.auditorium_id =
a.id)
*/
delete /* auditoriums/delete_auditorium */ from auditoriums
where id = $1
returning id;
