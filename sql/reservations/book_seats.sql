/* reservations/book_seats
Books seats for a confirmed reservation, in the order of the unique constraint. Returns those that are booked now; a seat
that another reservation owns is not among them, and the caller then rolls back.
Plan: insert, with lookups in booked_seats_showtime_id_seat_id_key.
$1 uuid reservation_id: locked by the caller
$2 bigint showtime_id: of which showtime
$3 bigint[] seat_ids: which
Sample: select r.id, r.showtime_id, '{}'::bigint[] from (select) as one left join (select id, showtime_id from reservations
where status = 'confirmed' order by id desc limit 1) as r on true
*/
insert /* reservations/book_seats */ into booked_seats (showtime_id, seat_id, reservation_id)
select
    $2,
    wanted.id,
    $1
from unnest($3::bigint[]) as wanted (id)
order by wanted.id
on conflict (showtime_id, seat_id) do nothing
returning seat_id;
