/* sold_showtimes/cancel_showtime
Cancels a scheduled showtime that has not started; no row if it has. A trigger gives its time in the room to others.
Plan: index scan on showtimes_pkey.
$1 bigint showtime_id: locked by the caller, as its live reservations are
$2 text reason: for customers
Sample: select (select id from showtimes where starts_at > now() order by starts_at, id limit 1), 'The projector is broken.'
*/
update /* sold_showtimes/cancel_showtime */ showtimes
set
    status = 'cancelled',
    cancelled_at = now(),
    cancel_reason = $2,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1 and status = 'scheduled' and starts_at > now()
returning id;
