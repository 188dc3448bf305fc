/* totp/delete_totp
Deletes the secret of an account: its logins need no code any more.
Plan: index scan on totp_secrets_pkey.
$1 bigint user_id: whose
Sample: select min(id) from users
*/
delete /* totp/delete_totp */ from totp_secrets
where user_id = $1;
