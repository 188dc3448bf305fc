/* box_office/find_owner
Whose a reservation is, archived ones included; for staff, who may act on the reservations of all customers.
Plan: index scans on reservations_pkey and archived_reservations_pkey.
$1 uuid reservation_id: which
$2 bigint showtime_id: of which showtime
Sample: select r.id, r.showtime_id from (select) as one left join (select * from reservations order by id desc limit 1) as r on true
*/
select /* box_office/find_owner */ r.user_id
from reservations as r
where r.id = $1 and r.showtime_id is not distinct from $2
union all
select a.user_id
from archived_reservations as a
where a.id = $1 and a.showtime_id is not distinct from $2;
