/* erasure/erase_users
Erases an account and guests, whom the caller has locked: their sessions, mailed tokens, secrets of TOTP, idempotency keys and mails,
waiting or sent, are deleted, their API keys revoked and without their names. A trigger replaces names, addresses and the password, and
another deletes the contents of their entries in change_log. The rows of users stay, since sales refer to them.
Plan: index scans on users_pkey, login_sessions_user_id_idx, account_tokens_user_id_idx, totp_secrets_pkey,
idempotency_keys_pkey, api_keys_user_id_idx, deliveries_user_id_idx and deliveries_email_idx.
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

factors as (
    delete from totp_secrets
    where user_id = any($1::bigint[])
),

forgotten as (
    delete from idempotency_keys
    where user_id = any($1::bigint[])
),

mails as (
    delete from deliveries
    where user_id = any($1::bigint[])
),

-- Whoever asks for a new password is only looked up when the mail is sent.
asked as (
    delete from deliveries
    where
        data ? 'email'
        and fold_email(data ->> 'email') = any(array(
            select fold_email(coalesce(u.email, u.guest_email))
            from users as u
            where u.id = any($1::bigint[]) and u.erased_at is null
        ))
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
    language = null,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = any($1::bigint[]) and erased_at is null;
