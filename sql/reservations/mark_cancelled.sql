/* reservations/mark_cancelled
Ends a reservation; its seats stay written down as history.
Plan: index scan on reservations_pkey.
$1 uuid reservation_id: locked by the caller
*/
update reservations
set
    status = 'cancelled',
    cancelled_at = now()
where id = $1;
