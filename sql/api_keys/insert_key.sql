/* api_keys/insert_key
Stores a new key, as its hash only, unless it is for a guest or an erased account; api_keys_expires_at_check refuses an
expires_at in the past.
Plan: one insert; index scan on users_pkey.
$1 text name: what the administrators call it
$2 bigint user_id: the account that it acts for
$3 text prefix: its first characters
$4 bytea key_hash: SHA-256 of the key
$5 text[] scopes: what it may be used for
$6 bigint created_by: the administrator who makes it
$7 timestamptz expires_at: null if it does not expire
$8 integer max_holds_per_user: most live holds of a customer; 0: no limit, null, here and in the next two: as for its account
$9 integer max_seats_per_user_per_showtime: most seats of a customer in a showtime; 0: no limit
$10 integer holds_per_minute: of the key; 0: no limit
Sample: select 'Sample', min(id), 'rsv_sample00', sha256('sample'), array['booking'], min(id), null::timestamptz,
10, 0, null::integer from users
*/
insert /* api_keys/insert_key */ into api_keys (
    name, user_id, prefix, key_hash, scopes, created_by, expires_at,
    max_holds_per_user, max_seats_per_user_per_showtime, holds_per_minute
)
select
    $1,
    $2,
    $3,
    $4,
    $5,
    $6,
    $7,
    $8,
    $9,
    $10
where
    not exists (
        select
        from users
        where id = $2 and (role = 'guest' or erased_at is not null)
    )
returning
    id,
    name,
    user_id,
    prefix,
    scopes,
    created_by,
    created_at,
    expires_at,
    last_used_at,
    revoked_at,
    jsonb_build_object(
        'max_holds_per_user', max_holds_per_user,
        'max_seats_per_user_per_showtime', max_seats_per_user_per_showtime,
        'holds_per_minute', holds_per_minute
    ) as limits;
