/* seats/delete_seat
Removes one seat, whose room is locked by the caller; reservation_seats_seat_id_fkey refuses one that was ever reserved.
Plan: index scan on seats_pkey.
$1 bigint seat_id: which
*/
delete from seats
where id = $1
returning id;
