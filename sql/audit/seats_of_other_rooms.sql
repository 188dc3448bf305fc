/* audit/seats_of_other_rooms
Finds reserved seats that are in another room than the showtime.
Plan: reservation_seats hash joined to reservations, showtimes and seats; each table is read once.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/seats_of_other_rooms */
    format('reservation %s', r.id) as subject,
    format(
        'has seat %s of auditorium %s, but showtime %s is in auditorium %s',
        s.id, s.auditorium_id, st.id, st.auditorium_id
    ) as detail,
    count(*) over () as found
from reservation_seats as rs
inner join reservations as r on rs.reservation_id = r.id
inner join showtimes as st on r.showtime_id = st.id
inner join seats as s on rs.seat_id = s.id
where s.auditorium_id <> st.auditorium_id
order by r.id, s.id
limit $1;
