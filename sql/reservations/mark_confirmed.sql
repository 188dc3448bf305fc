/* reservations/mark_confirmed
Makes a hold final, once all its seats are claimed; no row when it ran out while the confirm waited for a lock.
Plan: index scan on reservations_pkey.
$1 uuid reservation_id: locked by the caller
*/
update reservations
set
    status = 'confirmed',
    confirmed_at = now()
where id = $1 and expires_at > clock_timestamp()
returning id;
