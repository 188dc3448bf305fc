/* showtimes/booked_seats
The seats of showtimes that are sold, those of archived reservations included: archiving changes no seat map. No row: no
such showtime, or nothing is sold.
Plan: index only scan on booked_seats_showtime_id_seat_id_key, and an index scan on archived_reservations_showtime_id_idx,
which finds nothing for a showtime that can still be booked.
$1 bigint[] showtime_ids: which
Sample: select array_agg(id) from (select id from showtimes where starts_at > now() order by starts_at limit 16) as st
*/
select /* showtimes/booked_seats */
    sold.showtime_id,
    array_agg(sold.seat_id) as seat_ids
from (
    select
        b.showtime_id,
        b.seat_id
    from booked_seats as b
    where b.showtime_id = any($1)
    union all
    select
        a.showtime_id,
        unnest(a.seat_ids) as seat_id
    from archived_reservations as a
    where a.showtime_id = any($1) and a.status = 'confirmed'
) as sold
group by sold.showtime_id;
