/* webhooks/lock_list
Takes an advisory lock, so that webhooks are created one after another and stay within their number. PostgreSQL releases it
at the end of the transaction.
Plan: none.
$1 bigint lock_key: of the list of webhooks
Sample: select 4701002::bigint
*/
select /* webhooks/lock_list */ pg_advisory_xact_lock($1);
