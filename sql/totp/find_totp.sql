/* totp/find_totp
The secret of an account's one-time passwords, whether its owner has confirmed it, and how many recovery codes are left.
Plan: index scan on totp_secrets_pkey.
$1 bigint user_id: whose
Sample: select min(id) from users
*/
select /* totp/find_totp */
    secret,
    confirmed_at,
    cardinality(recovery_hashes) as recovery_codes_left
from totp_secrets
where user_id = $1;
