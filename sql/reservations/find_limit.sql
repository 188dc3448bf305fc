/* reservations/find_limit
Which limit of its user refuses a reservation its seats: when a live one is to have others, or an expired one is confirmed. It
locks the user, after the reservation and its showtime. No row: none does. The function is in sql/find_limited.sql.
Plan: function scan.
$1 uuid reservation_id: which; its own seats do not count
$2 bigint user_id: whose
$3 bigint showtime_id: of which showtime
$4 integer seats: how many it is to have
$5 integer most_seats: of the user in the showtime, or null for no limit
Sample: select r.id, r.user_id, r.showtime_id, 2, 20 from (select) as one left join (select id, user_id, showtime_id from
reservations order by id desc limit 1) as r on true
*/
select /* reservations/find_limit */ f.reached
from find_limited(
    array[$1]::uuid[], array[$2]::bigint[], array[$3]::bigint[], array[$4]::integer[],
    array[null]::integer[], array[$5]::integer[], 0
) as f;
