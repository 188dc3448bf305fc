/* change_log/set_author
Says until the end of the transaction who changes what: from here on, triggers record its changes in change_log.
Plan: none.
$1 bigint user_id: the account; null for a command of the operator
$2 text action: the operation or command
$3 text request_id: of the request; null for a command
Sample: select 1::bigint, 'replace_movie', 'a-request'
*/
select /* change_log/set_author */
    set_config('reservation.user_id', coalesce($1::bigint::text, ''), true),
    set_config('reservation.action', $2::text, true),
    set_config('reservation.request_id', coalesce($3::text, ''), true);
