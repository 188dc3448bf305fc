/* api_keys/find_role
The current role of the account that a key acts for, for a request that needs an administrator. No row if the key was
revoked or has expired, or its account is disabled.
Plan: index scans on api_keys_pkey and users_pkey.
$1 bigint key_id: which
Sample: select max(id) from api_keys
*/
select /* api_keys/find_role */ u.role
from api_keys as k
inner join users as u on k.user_id = u.id
where
    k.id = $1
    and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > now())
    and u.disabled_at is null;
