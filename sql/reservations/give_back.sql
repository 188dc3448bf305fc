/* reservations/give_back
Takes back what reservations/confirm has claimed for reservations that could not be confirmed; in its transaction, so
nobody ever sees them as sold. Answers them: what a reservation wanted beyond these, it has lost to others.
Plan: index scan on booked_seats_reservation_id_idx.
$1 uuid[] reservation_ids: locked by the caller, and not confirmed
*/
delete from booked_seats
where reservation_id = any($1)
returning reservation_id, seat_id;
