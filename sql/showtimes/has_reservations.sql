/* showtimes/has_reservations
Whether anybody ever reserved seats of a showtime; it is locked by the caller.
Plan: index only scan on reservations_showtime_id_expires_at_idx, stopped at the first.
$1 bigint showtime_id: which
Sample: select (select id from showtimes where starts_at > now() order by starts_at limit 1)
*/
select /* showtimes/has_reservations */ exists(
    select 1
    from reservations
    where showtime_id = $1
) as reserved;
