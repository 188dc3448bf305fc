/* audit/checked_in_after_cancel
Finds tickets that were checked in after they were cancelled.
Plan: one pass over tickets.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/checked_in_after_cancel */
    format('ticket %s', id) as subject,
    format('was checked in at %s, and cancelled at %s', checked_in_at, cancelled_at) as detail,
    count(*) over () as found
from tickets
where checked_in_at > cancelled_at
order by id
limit $1;
