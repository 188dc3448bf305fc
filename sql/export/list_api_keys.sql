/* export/list_api_keys
A page of the API keys of an account, without the keys.
Plan: index scan on api_keys_user_id_idx, then a sort of the keys of this account.
$1 bigint user_id: whose
$2 bigint after: the last id of the page before; 0 for the first page
$3 bigint row_limit: most rows to answer
Sample: select (select min(user_id) from api_keys), 0::bigint, 100::bigint
*/
select /* export/list_api_keys */
    id,
    name,
    prefix,
    scopes,
    created_at,
    expires_at,
    last_used_at,
    revoked_at
from api_keys
where user_id = $1 and id > $2
order by id
limit $3;
