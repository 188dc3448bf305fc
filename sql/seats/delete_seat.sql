/* seats/delete_seat
Deletes one seat. The caller has locked its room; reservation_seats_seat_id_fkey refuses a seat that was ever reserved.
Plan: index scan on seats_pkey.
$1 bigint seat_id: the seat
Sample: select (select s.id from seats as s where not exists (select from reservation_seats as rs where rs.seat_id =
s.id) order by s.id desc limit 1)
*/
delete /* seats/delete_seat */ from seats
where id = $1
returning id;
