/* mails/request_verification
Adds a mail with a token that confirms the address of an account.
Plan: one insert.
$1 bigint user_id: whose
$2 boolean anyway: false: only if the account has no token that is good for a while
$3 text traceparent: of the request that asks, if its spans are exported, or null
Sample: select min(id), true, null::text from users
*/
insert /* mails/request_verification */ into deliveries (channel, kind, user_id, data)
values ('mail', 'verify_email', $1, jsonb_strip_nulls(jsonb_build_object('anyway', $2::boolean, 'traceparent', $3::text)));
