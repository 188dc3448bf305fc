/* api_keys/insert_key
Stores a new key, as its hash only, unless it is for a guest; api_keys_expires_at_check refuses an expires_at in the past.
Plan: one insert; index only scan on users_role_idx.
$1 text name: what the administrators call it
$2 bigint user_id: the account that it acts for
$3 text prefix: its first characters
$4 bytea key_hash: SHA-256 of the key
$5 text[] scopes: what it may be used for
$6 bigint created_by: the administrator who makes it
$7 timestamptz expires_at: null if it does not expire
Sample: select 'Sample', min(id), 'rsv_sample00', sha256('sample'), array['booking'], min(id), null::timestamptz from
users
*/
insert /* api_keys/insert_key */ into api_keys (name, user_id, prefix, key_hash, scopes, created_by, expires_at)
select
    $1,
    $2,
    $3,
    $4,
    $5,
    $6,
    $7
where
    not exists (
        select
        from users
        where id = $2 and role = 'guest'
    )
returning id, name, user_id, prefix, scopes, created_by, created_at, expires_at, last_used_at, revoked_at;
