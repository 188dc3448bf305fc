/* reservations/mark_confirmed
Makes a hold final, once all its seats are claimed.
Plan: index scan on reservations_pkey.
$1 uuid reservation_id: locked by the caller
*/
update reservations
set
    status = 'confirmed',
    confirmed_at = now()
where id = $1;
