/* reservations/mark_cancelled
Cancels a reservation; its seats stay in its row as history.
Plan: index scan on reservations_pkey.
$1 uuid reservation_id: locked by the caller
$2 text cancelled_by: customer, cinema or staff
Sample: select (select id from reservations where status = 'held' order by id desc limit 1), 'customer'
*/
update /* reservations/mark_cancelled */ reservations
set
    status = 'cancelled',
    cancelled_at = now(),
    cancelled_by = $2
where id = $1;
