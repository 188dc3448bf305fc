/* seats/seat_map
The seats of a showtime in the order of the map, with their prices and whether they are booked. Who holds the others
is Redis's to say. No row: no such showtime, or its room has no seats.
Plan: index scans on showtimes_pkey and seats_position_key; booked seats by booked_seats_showtime_id_seat_id_key.
$1 bigint showtime_id: which
*/
select
    s.id,
    s.row_label,
    s.seat_number,
    s.seat_type,
    round(st.base_price * s.price_modifier, 2) as price,
    b.seat_id is not null as booked
from showtimes as st
inner join seats as s on st.auditorium_id = s.auditorium_id
left join booked_seats as b on st.id = b.showtime_id and s.id = b.seat_id
where st.id = $1
order by char_length(s.row_label), s.row_label, s.seat_number;
