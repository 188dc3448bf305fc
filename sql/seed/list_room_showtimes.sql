/* seed/list_room_showtimes
Returns the showtimes of a generated room, and until when reservations of each can have been made: an hour before it
starts or before now, whichever is earlier, so that all their times lie in the past.
Plan: index scan on showtimes_auditorium_id_idx.
$1 bigint auditorium_id: the room
Sample: select min(id) from auditoriums
*/
select /* seed/list_room_showtimes */
    id,
    base_price,
    date_trunc('milliseconds', least(starts_at, now()) - interval '1 hour') as latest
from showtimes
where auditorium_id = $1
order by starts_at;
