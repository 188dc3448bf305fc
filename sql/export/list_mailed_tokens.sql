/* export/list_mailed_tokens
When tokens were mailed to the owner of an account, and for what; those that were used are deleted. The limits on mails keep
their number small.
Plan: index scan on account_tokens_user_id_idx, then a sort of the tokens of this account.
$1 bigint user_id: whose
Sample: select min(user_id) from account_tokens
*/
select /* export/list_mailed_tokens */
    purpose,
    created_at,
    expires_at
from account_tokens
where user_id = $1
order by created_at, expires_at;
