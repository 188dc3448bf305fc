/* sold_showtimes/find_missing_seats
Returns the booked and held seats of a showtime that have no seat of the same row and number in another room, in the order
of the seat map. The caller has locked the showtime.
Plan: index scans on booked_seats_showtime_id_seat_id_key and reservations_showtime_id_expires_at_idx; for each seat
seats_pkey and seats_position_key.
$1 bigint showtime_id: which
$2 bigint auditorium_id: the other room
Sample: select st.id, (select max(a.id) from auditoriums as a) from (select) as one left join (select id from showtimes where
starts_at > now() order by starts_at, id limit 1) as st on true
*/
with /* sold_showtimes/find_missing_seats */ reserved as materialized (
    select b.seat_id as id
    from booked_seats as b
    where b.showtime_id = $1
    union
    select unnest(r.seat_ids) as id
    from reservations as r
    where r.showtime_id = $1 and r.expires_at > now() and r.status = 'held'
)

select
    s.id,
    s.row_label,
    s.seat_number
from seats as s
where
    s.id = any(array(select reserved.id from reserved))
    and not exists (
        select 1
        from seats as other
        where
            other.auditorium_id = $2
            and char_length(other.row_label) = char_length(s.row_label)
            and other.row_label = s.row_label
            and other.seat_number = s.seat_number
            and other.retired_at is null
    )
order by char_length(s.row_label), s.row_label, s.seat_number;
