/* audit/reasons_without_cancel
Finds reservations, archived ones included, that have the box office's reason of a cancel and are not cancelled.
Plan: one pass over reservations and one over the archive.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
with /* audit/reasons_without_cancel */ wrong as (
    select
        r.id,
        r.status
    from reservations as r
    where r.cancel_reason is not null and r.status <> 'cancelled'
    union all
    select
        a.id,
        a.status
    from archived_reservations as a
    where a.cancel_reason is not null and a.status <> 'cancelled'
)

select
    format('reservation %s', id) as subject,
    format('has a reason why it was cancelled, and is %s', status) as detail,
    count(*) over () as found
from wrong
order by id
limit $1;
