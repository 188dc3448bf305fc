/* account_tokens/find_token
The account whose owner got a token that has not expired.
Plan: index scans on account_tokens_pkey and users_pkey.
$1 bytea token_hash: SHA-256 of the token
$2 text purpose: reset_password or verify_email
Sample: select sha256('a'::bytea), 'reset_password'
*/
select /* account_tokens/find_token */
    u.id,
    u.name,
    u.email,
    u.role,
    u.created_at,
    u.email_verified_at is not null as email_verified
from account_tokens as t
inner join users as u on t.user_id = u.id
where t.token_hash = $1 and t.purpose = $2 and t.expires_at > now();
