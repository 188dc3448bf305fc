/* totp/try_code
Spends a code, or counts a wrong one: of two requests with codes of one account, the second waits for the first. A code is right if its
step is after the last one that was spent. After as many wrong codes as there may be within the time, a right one is refused as well,
and retry_after_s says for how long. No row if the secret is another one by now.
Plan: index scans on totp_secrets_pkey.
$1 bigint user_id: whose
$2 text secret: the one by which the code was verified
$3 bigint step: the time of the code, in steps of 30 s since 1970; null: it is wrong
$4 bigint most: how many wrong codes there may be
$5 bigint window_s: within so many seconds from the first of them
Sample: select min(id), 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP', 1::bigint, 10::bigint, 3600::bigint from users
*/
with /* totp/try_code */ counted as (
    select
        user_id,
        wrong_codes,
        coalesce(last_step < $3, false) as is_right,
        ceil(extract(epoch from wrong_codes_since - now()) + $5::bigint)::bigint as left_s
    from totp_secrets
    where user_id = $1 and secret = $2
    for update
),

found as (
    select
        user_id,
        is_right,
        left_s,
        coalesce(left_s > 0, false) as is_counting,
        coalesce(left_s > 0 and wrong_codes >= $4::bigint, false) as is_full
    from counted
),

tried as (
    update totp_secrets as t
    set
        last_step = case when f.is_right then $3 else t.last_step end,
        wrong_codes = case when f.is_right then t.wrong_codes when f.is_counting then t.wrong_codes + 1 else 1 end,
        wrong_codes_since = case when f.is_right or f.is_counting then t.wrong_codes_since else now() end
    from found as f
    where t.user_id = f.user_id and not f.is_full
    returning t.user_id
)

select
    is_right and not is_full as is_right,
    case when is_full then left_s end as retry_after_s
from found;
