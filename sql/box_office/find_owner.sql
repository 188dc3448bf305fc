/* box_office/find_owner
Whose a reservation is, archived ones included; for staff, who may act on the reservations of all customers.
Plan: index scans on reservations_pkey and archived_reservations_pkey.
$1 uuid reservation_id: which
Sample: select (select id from reservations order by id desc limit 1)
*/
select /* box_office/find_owner */ user_id
from reservations
where id = $1
union all
select user_id
from archived_reservations
where id = $1;
