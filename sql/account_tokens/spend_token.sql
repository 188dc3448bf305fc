/* account_tokens/spend_token
Deletes a token that has not expired: of two requests with one token, the second waits for the first and finds none. The caller
has locked the account.
Plan: index scan on account_tokens_pkey.
$1 bytea token_hash: SHA-256 of the token
$2 text purpose: reset_password or verify_email
Sample: select sha256('a'::bytea), 'reset_password'
*/
delete /* account_tokens/spend_token */ from account_tokens
where token_hash = $1 and purpose = $2 and expires_at > now()
returning user_id;
