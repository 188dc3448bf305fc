/* erasure/erase_users
Erases an account and guests, whom the caller has locked: their sessions, mailed tokens and idempotency keys are deleted, their API keys
revoked and without their names. A trigger replaces names, addresses and the password, and another deletes the contents of their entries in
change_log. The rows of users stay, since sales refer to them.
Plan: index scans on users_pkey, login_sessions_user_id_idx, account_tokens_user_id_idx, idempotency_keys_pkey and
api_keys_user_id_idx.
$1 bigint[] user_ids: whom
Sample: select array[min(id)] from users
*/
with /* erasure/erase_users */ ended as (
    delete from login_sessions
    where user_id = any($1::bigint[])
),

withdrawn as (
    delete from account_tokens
    where user_id = any($1::bigint[])
),

forgotten as (
    delete from idempotency_keys
    where user_id = any($1::bigint[])
),

revoked as (
    update api_keys
    set
        name = 'Erased',
        revoked_at = coalesce(revoked_at, now())
    where user_id = any($1::bigint[])
)

update users
set
    erased_at = now(),
    email_verified_at = null,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = any($1::bigint[]) and erased_at is null;
