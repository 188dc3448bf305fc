/* api_keys/revoke_key
Revokes a key; a second time changes nothing. The caller has locked it.
Plan: index scan on api_keys_pkey.
$1 bigint key_id: which
Sample: select max(id) from api_keys
*/
update /* api_keys/revoke_key */ api_keys
set revoked_at = coalesce(revoked_at, now())
where id = $1;
