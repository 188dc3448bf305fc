/* api_keys/find_holders
The accounts that keys act for, asked when the keys are first seen. No row for a key that is unknown, revoked or
expired. How long a key is still good is said in seconds, so that the clock of whoever asks does not matter.
Plan: nested loop from the hashes to api_keys_key_hash_key, then users_pkey.
$1 bytea[] key_hashes: SHA-256 of each key
Sample: select array_agg(key_hash) from (select key_hash from api_keys order by id desc limit 16) as k
*/
select /* api_keys/find_holders */
    k.key_hash,
    k.id as key_id,
    k.scopes,
    extract(epoch from k.expires_at - clock_timestamp())::double precision as good_for_s,
    u.id,
    u.name,
    u.email,
    u.role,
    u.created_at
from unnest($1::bytea[]) as asked (key_hash)
inner join api_keys as k on asked.key_hash = k.key_hash
inner join users as u on k.user_id = u.id
where k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp());
