/* archive/find_reservation
One of a user's own archived reservations. It is read after reservations/find_reservation found none: in this order, one that
is being moved is found in one of the two tables. `is not distinct from` keeps the planner from
archived_reservations_user_id_idx, by which it would read all archived reservations of the user.
Plan: index scan on archived_reservations_pkey.
$1 uuid reservation_id: which
$2 bigint user_id: whose
Sample: select a.id, a.user_id from (select) as one left join (select id, user_id from archived_reservations order by
id limit 1) as a on true
*/
select /* archive/find_reservation */
    id,
    showtime_id,
    status,
    total_price::text as total_price,
    created_at,
    expires_at,
    seat_ids,
    row_labels,
    seat_numbers,
    prices::text[] as prices
from archived_reservations
where id = $1 and user_id is not distinct from $2;
