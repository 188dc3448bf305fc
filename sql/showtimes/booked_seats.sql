/* showtimes/booked_seats
The seats of showtimes that are sold. No row: no such showtime, or nothing is sold.
Plan: index only scan on booked_seats_showtime_id_seat_id_key.
$1 bigint[] showtime_ids: which
Sample: select array_agg(id) from (select id from showtimes where starts_at > now() order by starts_at limit 16) as st
*/
select /* showtimes/booked_seats */
    showtime_id,
    array_agg(seat_id) as seat_ids
from booked_seats
where showtime_id = any($1)
group by showtime_id;
