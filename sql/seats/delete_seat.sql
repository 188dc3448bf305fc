/* seats/delete_seat
Removes one seat, whose room is locked by the caller; reservation_seats_seat_id_fkey refuses one that was ever reserved.
Plan: index scan on seats_pkey.
$1 bigint seat_id: which
Sample: select (select s.id from seats as s where not exists (select from reservation_seats as rs where rs.seat_id =
s.id) order by s.id desc limit 1)
*/
delete /* seats/delete_seat */ from seats
where id = $1
returning id;
