/* accounts/list_users
A page of accounts in the order of their ids.
Plan: index scan on users_pkey, stopped by the limit.
$1 bigint after: the last id of the page before; 0 for the first page
$2 bigint row_limit: most rows to answer
Sample: select 0::bigint, 50::bigint
*/
select /* accounts/list_users */
    id,
    name,
    email,
    role,
    created_at
from users
where id > $1
order by id
limit $2;
