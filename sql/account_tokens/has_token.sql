/* account_tokens/has_token
Whether a token that was mailed to the owner of an account is good for some time more.
Plan: index scan on account_tokens_user_id_idx.
$1 bigint user_id: whose
$2 text purpose: reset_password or verify_email
$3 bigint good_for_s: how long, in seconds
Sample: select min(user_id), 'reset_password', 600::bigint from account_tokens
*/
select /* account_tokens/has_token */ exists(
    select
    from account_tokens
    where user_id = $1 and purpose = $2 and expires_at > now() + $3::bigint * interval '1 second'
);
