/* reservations/find_limit
Which limit of its user refuses a reservation its seats: when a live one is to have others, or an expired one is confirmed. It
locks the user, after the reservation and its showtime. No row: none does. The function is in sql/find_limited.sql.
Plan: function scan.
$1 uuid reservation_id: which; its own seats do not count
$2 bigint user_id: whose
$3 bigint showtime_id: of which showtime
$4 integer seats: how many it is to have
$5 integer most_seats: of the user in the showtime, or null for no limit
$6 text seat_ids: those that are new to it, an array in PostgreSQL's text form
$7 integer most_unconfirmed: how often the user may have held one of them without confirming, or null for no limit
$8 bigint cooling_s: for how many seconds such a hold counts
Sample: select r.id, r.user_id, r.showtime_id, 2, 20, '{1,2}', 3, 7200::bigint from (select) as one left join (select id,
user_id, showtime_id from reservations order by id desc limit 1) as r on true
*/
select /* reservations/find_limit */ f.reached
from find_limited(
    array[$1]::uuid[], array[$2]::bigint[], array[$3]::bigint[], array[$4]::integer[],
    array[null]::integer[], array[$5]::integer[], 0, array[$6]::text[], array[$7]::integer[], $8
) as f;
