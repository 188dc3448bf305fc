/* seed/lock_demo
Takes an advisory lock, so that instances that seed the same database run one after another. PostgreSQL releases it at
the end of the transaction, also of a killed instance.
Plan: a function call.
$1 bigint lock_key: the number that all instances use
Sample: select 0::bigint
*/
select /* seed/lock_demo */ pg_advisory_xact_lock($1);
