/* totp/confirm_totp
Confirms the secret of an account, of which a code was verified, and keeps the hashes of its recovery codes. No row if the secret is
another one by now, or was confirmed before.
Plan: index scan on totp_secrets_pkey.
$1 bigint user_id: whose
$2 text secret: the one whose code was verified
$3 bigint step: the time of the code, in steps of 30 s since 1970
$4 bytea[] recovery_hashes: SHA-256 of the recovery codes
Sample: select min(id), 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP', 1::bigint, array[sha256('a'::bytea)] from users
*/
update /* totp/confirm_totp */ totp_secrets
set
    confirmed_at = now(),
    last_step = $3,
    recovery_hashes = $4
where user_id = $1 and secret = $2 and confirmed_at is null
returning user_id;
