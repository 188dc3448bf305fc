/* reservations/find_reservation
One of a user's own reservations with its seats; a hold past its time reads expired, by this clock.
Plan: index scan on reservations_pkey.
$1 uuid reservation_id: which
$2 bigint user_id: whose
Sample: select r.id, r.user_id from (select) as one left join (select id, user_id from reservations order by id desc
limit 1) as r on true
*/
select /* reservations/find_reservation */
    id,
    showtime_id,
    case when status = 'held' and expires_at <= now() then 'expired' else status end as status,
    total_price::text as total_price,
    created_at,
    expires_at,
    seat_ids,
    row_labels,
    seat_numbers,
    prices::text[] as prices
from reservations
where id = $1 and user_id = $2;
