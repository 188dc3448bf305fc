/* account_tokens/delete_tokens
Deletes the tokens of an account for one purpose, such as those for a new password once it has one.
Plan: index scan on account_tokens_user_id_idx.
$1 bigint user_id: whose
$2 text purpose: reset_password or verify_email
Sample: select min(id), 'reset_password' from users
*/
delete /* account_tokens/delete_tokens */ from account_tokens
where user_id = $1 and purpose = $2;
