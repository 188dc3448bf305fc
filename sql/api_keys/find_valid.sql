/* api_keys/find_valid
The valid ones among API keys, and the accounts that they act for; for requests whose key is not in the worker's cache.
No row for a key that is unknown, revoked or expired, or whose account is disabled. The rest of a key's life is in seconds, so
that the worker's clock does not matter.
Plan: nested loop from the hashes to api_keys_key_hash_key, then users_pkey.
$1 bytea[] key_hashes: SHA-256 of each key
Sample: select array_agg(key_hash) from (select key_hash from api_keys order by id desc limit 16) as k
*/
select /* api_keys/find_valid */
    k.key_hash,
    k.id as key_id,
    k.scopes,
    k.max_holds_per_user,
    k.max_seats_per_user_per_showtime,
    k.holds_per_minute,
    extract(epoch from k.expires_at - clock_timestamp())::double precision as remaining_s,
    u.id,
    u.name,
    u.email,
    u.role,
    u.created_at,
    u.email_verified_at is not null as email_verified
from unnest($1::bytea[]) as asked (key_hash)
inner join api_keys as k on asked.key_hash = k.key_hash
inner join users as u on k.user_id = u.id
where
    k.revoked_at is null
    and (k.expires_at is null or k.expires_at > clock_timestamp())
    and u.disabled_at is null;
