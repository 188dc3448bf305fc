/* bulk/find_reserved
Returns the showtimes that have live holds or confirmed reservations: their film, room and time are what customers count on.
The answer cannot change any more for showtimes that lock_changed or showtimes/lock_showtime has locked.
Plan: for each showtime an index scan on reservations_showtime_id_expires_at_idx from now on, and an index scan on
booked_seats_showtime_id_seat_id_key, both stopped at the first.
$1 bigint[] showtime_ids: the showtimes
$2 boolean with_blocked: whether those with blocked seats are wanted, too
Sample: select array_agg(id), false from (select id from showtimes order by id limit 16) as st
*/
select /* bulk/find_reserved */ asked.id
from unnest($1::bigint[]) as asked (id)
where
    exists (
        select 1
        from reservations as r
        where r.showtime_id = asked.id and r.expires_at > now() and r.status = 'held'
    )
    or exists (
        select 1
        from booked_seats as b
        where b.showtime_id = asked.id and ($2 or b.reservation_id is not null)
    );
