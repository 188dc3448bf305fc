/* totp/spend_recovery_code
Spends a recovery code: of two requests with one code, the second waits for the first and finds no row.
Plan: index scan on totp_secrets_pkey.
$1 bigint user_id: whose
$2 bytea code_hash: SHA-256 of the code
Sample: select min(id), sha256('a'::bytea) from users
*/
update /* totp/spend_recovery_code */ totp_secrets
set recovery_hashes = array_remove(recovery_hashes, $2)
where user_id = $1 and confirmed_at is not null and $2 = any(recovery_hashes)
returning user_id;
