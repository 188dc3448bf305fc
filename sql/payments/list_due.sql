/* payments/list_due
Payments at which the background job has to look, the longest due first.
Plan: index scan on payments_check_at_idx.
$1 bigint row_limit: most rows
Sample: select 100::bigint
*/
select /* payments/list_due */ id
from payments
where settled_at is null and check_at <= clock_timestamp()
order by check_at
limit $1;
