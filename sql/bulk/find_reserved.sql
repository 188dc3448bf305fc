/* bulk/find_reserved
Returns the showtimes of which seats were ever reserved, archived reservations included, or are blocked. The answer cannot change any
more for showtimes that lock_moved has locked.
Plan: for each showtime index only scans on reservations_showtime_id_expires_at_idx,
archived_reservations_showtime_id_idx and booked_seats_blocked_idx, stopped at the first.
$1 bigint[] showtime_ids: the showtimes
Sample: select array_agg(id) from (select id from showtimes order by id limit 16) as st
*/
select /* bulk/find_reserved */ asked.id
from unnest($1::bigint[]) as asked (id)
where
    exists (
        select 1
        from reservations
        where reservations.showtime_id = asked.id
    )
    or exists (
        select 1
        from archived_reservations
        where archived_reservations.showtime_id = asked.id
    )
    or exists (
        select 1
        from booked_seats
        where booked_seats.showtime_id = asked.id and booked_seats.reservation_id is null
    );
