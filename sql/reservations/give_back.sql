/* reservations/give_back
Takes back what reservations/confirm has claimed for reservations that could not be confirmed; in its transaction, so
nobody ever sees them as sold.
Plan: index scan on booked_seats_reservation_id_idx.
$1 uuid[] reservation_ids: locked by the caller, and not confirmed
*/
delete from booked_seats
where reservation_id = any($1);
