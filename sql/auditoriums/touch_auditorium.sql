/* auditoriums/touch_auditorium
Raises a room's updated_at before its seats change: a conditional delete of the room must fail when its seats have
changed. It locks the room, and rooms are locked before seats.
Plan: index scan on auditoriums_pkey.
$1 bigint auditorium_id: the room
Sample: select min(id) from auditoriums
*/
update /* auditoriums/touch_auditorium */ auditoriums
set updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1;
