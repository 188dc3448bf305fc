/* reservations/list_reservations
A page of a user's reservations, newest first; a hold past its time counts as expired, by this clock.
Plan: index scan on reservations_user_id_idx, stopped by the limit; seats by reservation_seats_pkey.
$1 bigint user_id: whose
$2 timestamptz before: creation of the last one of the page before; a time far ahead for the first page
$3 uuid before_id: its id; the highest one for the first page
$4 text status: only these; null for any
$5 bigint row_limit: most rows to answer
Sample: select (select user_id from reservations order by id desc limit 1), now() + interval '1 year',
'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, null::text, 50::bigint
*/
select /* reservations/list_reservations */
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
where
    r.user_id = $1
    and (r.created_at, r.id) < ($2, $3)
    and (
        $4::text is null
        or $4 = case when r.status = 'held' and r.expires_at <= now() then 'expired' else r.status end
    )
order by r.created_at desc, r.id desc
limit $5;
