/* totp/begin_totp
Keeps a new secret for an account, in place of one that was not confirmed. No row if the account has a confirmed one.
Plan: one insert.
$1 bigint user_id: whose
$2 text secret: in base32
Sample: select min(id), 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP' from users
*/
insert /* totp/begin_totp */ into totp_secrets as t (user_id, secret)
values ($1, $2)
on conflict (user_id) do update
    set
        secret = excluded.secret,
        created_at = now()
    where t.confirmed_at is null
returning t.user_id;
