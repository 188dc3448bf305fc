/* showtimes/has_reservations
Whether anybody ever reserved seats of a showtime; it is locked by the caller.
Plan: index only scan on reservations_showtime_id_expires_at_idx, stopped at the first.
$1 bigint showtime_id: which
*/
select exists(
    select 1
    from reservations
    where showtime_id = $1
) as reserved;
