/* reservations/find_reservation
One of a user's own reservations with its seats; a hold past its time reads expired, by this clock.
Plan: index scans on reservations_pkey, reservation_seats_pkey and seats_pkey.
$1 uuid reservation_id: which
$2 bigint user_id: whose
Sample: select r.id, r.user_id from (select) as one left join (select id, user_id from reservations order by id desc
limit 1) as r on true
*/
select /* reservations/find_reservation */
    r.id,
    r.showtime_id,
    case when r.status = 'held' and r.expires_at <= now() then 'expired' else r.status end as status,
    r.total_price::text as total_price,
    r.created_at,
    r.expires_at,
    held.seat_ids,
    held.row_labels,
    held.seat_numbers,
    held.prices
from reservations as r
cross join
    lateral (
        select
            array_agg(rs.seat_id order by char_length(s.row_label), s.row_label, s.seat_number) as seat_ids,
            array_agg(s.row_label order by char_length(s.row_label), s.row_label, s.seat_number) as row_labels,
            array_agg(s.seat_number order by char_length(s.row_label), s.row_label, s.seat_number) as seat_numbers,
            array_agg(rs.price_at_booking::text order by char_length(s.row_label), s.row_label, s.seat_number) as prices
        from reservation_seats as rs
        inner join seats as s on rs.seat_id = s.id
        where rs.reservation_id = r.id
    ) as held
where r.id = $1 and r.user_id = $2;
