/* showtimes/layouts
What the seat maps of showtimes are drawn from, as long as no administrator changes it: the seats of their rooms in the
order of the map, with their prices there, and the row with the best view. No row: no such showtime. Empty arrays: its
room has no seats.
Plan: index scans on showtimes_pkey, auditoriums_pkey and seats_position_key.
$1 bigint[] showtime_ids: which
Sample: select array_agg(id) from (select id from showtimes where starts_at > now() order by starts_at limit 16) as st
*/
select /* showtimes/layouts */
    st.id,
    st.starts_at,
    st.layout_version,
    a.focal_row,
    room.seat_ids,
    room.row_labels,
    room.seat_numbers,
    room.seat_types,
    room.prices
from showtimes as st
inner join auditoriums as a on st.auditorium_id = a.id
cross join
    lateral (
        select
            coalesce(array_agg(s.id), '{}') as seat_ids,
            coalesce(array_agg(s.row_label), '{}') as row_labels,
            coalesce(array_agg(s.seat_number), '{}') as seat_numbers,
            coalesce(array_agg(s.seat_type), '{}') as seat_types,
            coalesce(array_agg(round(st.base_price * s.price_modifier, 2)::text), '{}') as prices
        from (
            select
                se.id,
                se.row_label,
                se.seat_number,
                se.seat_type,
                se.price_modifier
            from seats as se
            where se.auditorium_id = st.auditorium_id and se.retired_at is null
            order by char_length(se.row_label), se.row_label, se.seat_number
        ) as s
    ) as room
where st.id = any($1);
