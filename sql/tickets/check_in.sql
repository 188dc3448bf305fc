/* tickets/check_in
Checks a ticket in, exactly once: no row if it is checked in or cancelled, is of another showtime, or its seat is not booked
for its reservation. A cancel of its seat updates the same row, so that one of the two comes first and the other finds what
the first has done. The time is not before the ticket was made, and not later than now.
Plan: index scans on tickets_code_key and booked_seats_showtime_id_seat_id_key.
$1 text code: which
$2 bigint checked_in_by: the account of staff
$3 timestamptz checked_in_at: when an offline scanner has let it in; null for now
$4 bigint showtime_id: of which showtime it has to be; null for any
Sample: select (select code from tickets order by id desc limit 1), min(id), null::timestamptz, null::bigint from users
*/
update /* tickets/check_in */ tickets as t
set
    checked_in_at = greatest(least($3, clock_timestamp()), t.created_at),
    checked_in_by = $2
where
    t.code = $1
    and t.cancelled_at is null
    and t.checked_in_at is null
    and ($4::bigint is null or t.showtime_id = $4)
    and exists (
        select 1
        from booked_seats as b
        where b.showtime_id = t.showtime_id and b.seat_id = t.seat_id and b.reservation_id = t.reservation_id
    )
returning t.reservation_id;
