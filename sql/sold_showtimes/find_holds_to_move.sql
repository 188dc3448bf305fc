/* sold_showtimes/find_holds_to_move
Returns the live holds of a showtime with their seats, and the seats of the same rows and numbers in another room, fewer if
some are missing there.
Plan: index scan on reservations_showtime_id_expires_at_idx; for each seat seats_pkey and seats_position_key.
$1 bigint showtime_id: which
$2 bigint auditorium_id: the other room
Sample: select st.id, (select max(a.id) from auditoriums as a) from (select) as one left join (select id from showtimes where
starts_at > now() order by starts_at, id limit 1) as st on true
*/
select /* sold_showtimes/find_holds_to_move */
    r.id,
    r.expires_at,
    ceil(extract(epoch from r.expires_at - now()) * 1000)::bigint as left_ms,
    r.seat_ids,
    array(
        select other.id
        from unnest(r.seat_ids) with ordinality as own (id, place)
        inner join seats as s on own.id = s.id
        inner join seats as other
            on
                other.auditorium_id = $2
                and char_length(s.row_label) = char_length(other.row_label)
                and s.row_label = other.row_label
                and s.seat_number = other.seat_number
                and other.retired_at is null
        order by own.place
    ) as new_seat_ids
from reservations as r
where r.showtime_id = $1 and r.expires_at > now() and r.status = 'held'
order by r.id;
