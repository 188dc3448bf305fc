/* tickets/count_check_ins
How many seats of a showtime are sold, archived reservations included, and how many of their tickets are checked in. No row: no
such showtime.
Plan: index scans on showtimes_pkey, tickets_seat_key, booked_seats_showtime_id_seat_id_key and
archived_reservations_showtime_id_idx.
$1 bigint showtime_id: which
Sample: select (select id from showtimes order by id limit 1)
*/
select /* tickets/count_check_ins */
    (
        select count(*)
        from tickets as t
        where t.showtime_id = st.id and t.cancelled_at is null and t.checked_in_at is not null
    ) as checked_in,
    (
        select count(*)
        from booked_seats as b
        where b.showtime_id = st.id and b.reservation_id is not null
    ) + (
        select coalesce(sum(cardinality(ar.seat_ids)), 0)
        from archived_reservations as ar
        where ar.showtime_id = st.id and ar.status = 'confirmed'
    ) as sold
from showtimes as st
where st.id = $1;
