/* showtimes/has_reservations
Whether anybody ever reserved seats of a showtime, archived reservations included; it is locked by the caller.
Plan: index only scans on reservations_showtime_id_expires_at_idx and archived_reservations_showtime_id_idx, stopped at the
first.
$1 bigint showtime_id: which
Sample: select (select id from showtimes where starts_at > now() order by starts_at limit 1)
*/
select /* showtimes/has_reservations */
    exists (
        select 1
        from reservations
        where showtime_id = $1
    ) or exists (
        select 1
        from archived_reservations
        where showtime_id = $1
    ) as reserved;
