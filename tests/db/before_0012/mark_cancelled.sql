/* reservations/mark_cancelled
Cancels a reservation; the rows of its seats stay as history.
Plan: index scan on reservations_pkey.
$1 uuid reservation_id: locked by the caller
Sample: select (select id from reservations where status = 'held' order by id desc limit 1)
*/
update /* reservations/mark_cancelled */ reservations
set
    status = 'cancelled',
    cancelled_at = now()
where id = $1;
