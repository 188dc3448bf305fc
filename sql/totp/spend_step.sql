/* totp/spend_step
Spends a code: of two requests with codes of one step, the second waits for the first and finds no row. No row, either, for a step
before the last one that was spent, or another secret than the one by which the code was verified.
Plan: index scan on totp_secrets_pkey.
$1 bigint user_id: whose
$2 text secret: the one whose code was verified
$3 bigint step: the time of the code, in steps of 30 s since 1970
Sample: select min(id), 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP', 1::bigint from users
*/
update /* totp/spend_step */ totp_secrets
set last_step = $3
where user_id = $1 and secret = $2 and confirmed_at is not null and last_step < $3
returning user_id;
