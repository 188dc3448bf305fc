/* export/list_idempotency_keys
A page of the idempotency keys of an account; they are deleted after a day.
Plan: index scan on idempotency_keys_pkey, stopped by the limit.
$1 bigint user_id: whose
$2 text after: the last key of the page before; empty for the first page
$3 bigint row_limit: most rows to answer
Sample: select (select min(user_id) from idempotency_keys), '', 100::bigint
*/
select /* export/list_idempotency_keys */
    key,
    reservation_id,
    created_at
from idempotency_keys
where user_id = $1 and key > $2
order by key
limit $3;
