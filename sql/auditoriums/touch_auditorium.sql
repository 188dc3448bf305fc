/* auditoriums/touch_auditorium
Marks a room as changed, since its seats are about to: who deletes a room as it was seen takes its seats along. It locks
the room, which comes before its seats.
Plan: index scan on auditoriums_pkey.
$1 bigint auditorium_id: which
Sample: select min(id) from auditoriums
*/
update /* auditoriums/touch_auditorium */ auditoriums
set updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1;
