/* export/list_seat_changes
What some reservations were before changes of their seats, of each the last ones.
Plan: nested loop from the reservations to backward index scans on reservation_changes_pkey, each stopped by the limit.
$1 uuid[] reservation_ids: which
$2 bigint row_limit: most changes of a reservation
Sample: select array(select reservation_id from reservation_changes order by reservation_id, id limit 16), 50::bigint
*/
select /* export/list_seat_changes */
    asked.reservation_id,
    c.change,
    c.changed_by,
    c.reason,
    c.changed_at
from unnest($1::uuid[]) as asked (reservation_id)
cross join
    lateral ( -- noqa: ST05
        select
            rc.id,
            rc.change,
            rc.changed_by,
            rc.reason,
            rc.changed_at
        from reservation_changes as rc
        where rc.reservation_id = asked.reservation_id
        order by rc.id desc
        limit $2
    ) as c
order by asked.reservation_id asc, c.id desc;
