/* seed/lock_demo
Lines up instances that seed the same database at the same moment; the lock goes with the transaction, so a killed
instance leaves none behind.
Plan: a function call.
$1 bigint lock_key: what the seeders agreed on
Sample: select 0::bigint
*/
select /* seed/lock_demo */ pg_advisory_xact_lock($1);
