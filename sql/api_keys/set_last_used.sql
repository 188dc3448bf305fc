/* api_keys/set_last_used
Records that keys were used just now. Every worker writes this once a minute; a value of the last 30 seconds stays, so
that workers which use the same key do not each rewrite its row.
Plan: index scan on api_keys_pkey.
$1 bigint[] key_ids: which
Sample: select array_agg(id) from (select id from api_keys order by id desc limit 16) as k
*/
update /* api_keys/set_last_used */ api_keys
set last_used_at = now()
where id = any($1::bigint[]) and (last_used_at is null or last_used_at < now() - interval '30 seconds');
