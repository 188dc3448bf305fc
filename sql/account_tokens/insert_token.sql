/* account_tokens/insert_token
Keeps the hash of a token that is mailed to the owner of an account. Also deletes the account's expired tokens, so that they do
not pile up.
Plan: one insert, and delete by index scan on account_tokens_user_id_idx.
$1 bytea token_hash: SHA-256 of the token
$2 bigint user_id: whose
$3 text purpose: reset_password or verify_email
$4 bigint ttl_s: life of the token in seconds
Sample: select sha256(gen_random_uuid()::text::bytea), (select id from users where role = 'user' order by id limit 1),
'reset_password', 1800::bigint
*/
with /* account_tokens/insert_token */ expired as (
    delete from account_tokens
    where user_id = $2 and expires_at <= now()
)

insert into account_tokens (token_hash, user_id, purpose, expires_at)
values ($1, $2, $3, now() + $4::bigint * interval '1 second');
