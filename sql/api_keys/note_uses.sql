/* api_keys/note_uses
Writes down that keys are in use. Several workers see the same key: whoever comes within half a minute of another
leaves it at that, so a busy key is not rewritten by all of them.
Plan: index scan on api_keys_pkey.
$1 bigint[] key_ids: which
Sample: select array_agg(id) from (select id from api_keys order by id desc limit 16) as k
*/
update /* api_keys/note_uses */ api_keys
set last_used_at = now()
where id = any($1::bigint[]) and (last_used_at is null or last_used_at < now() - interval '30 seconds');
