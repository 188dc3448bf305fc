/* box_office/list_changes
The last changes of the seats of a reservation, the newest first, for the box office. They stay when it is archived.
Plan: backward index scan on reservation_changes_pkey.
$1 uuid reservation_id: which
$2 bigint row_limit: most rows of the result
Sample: select (select reservation_id from reservation_changes order by reservation_id, id limit 1), 50::bigint
*/
select /* box_office/list_changes */
    change,
    changed_by,
    reason,
    changed_at
from reservation_changes
where reservation_id = $1
order by id desc
limit $2;
