/* mails/request_reset
Adds a mail with a token for a new password, to whoever has an account with an address. Whether there is one is found out when it is
sent, so that the request takes the same time for an unknown address.
Plan: one insert.
$1 text email: as typed
$2 boolean anyway: false: only if the account has no token that is good for a while
$3 text traceparent: of the request that asks, if its spans are exported, or null
Sample: select 'sample@example.com', true, null::text
*/
insert /* mails/request_reset */ into deliveries (channel, kind, data)
values (
    'mail',
    'reset_password',
    jsonb_strip_nulls(jsonb_build_object('email', $1::text, 'anyway', $2::boolean, 'traceparent', $3::text))
);
