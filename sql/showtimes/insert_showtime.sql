/* showtimes/insert_showtime
Puts a film on. The exclusion constraint showtimes_overlap_excl refuses an overlap; the room is locked by the caller,
so that two that overlap meet one after the other instead of in a deadlock.
Plan: one insert.
$1 bigint movie_id: which film
$2 bigint auditorium_id: in which room
$3 timestamptz starts_at: start
$4 timestamptz ends_at: end
$5 bigint cleaning_s: seconds after the end in which the room cannot be used
$6 numeric base_price: price of a seat whose modifier is 1.00
Sample: select (select min(id) from movies), (select min(id) from auditoriums), now() + interval '20 years', now() +
interval '20 years' + interval '2 hours', 900::bigint, 12.50
*/
insert /* showtimes/insert_showtime */ into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
values ($1, $2, $3, $4, $4::timestamptz + $5::bigint * interval '1 second', $6)
returning id;
