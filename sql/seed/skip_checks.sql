/* seed/skip_checks
Switches the foreign key checks of this session off, whose rows all refer to what seed/lock_parents has locked or to
each other. They are half of the work of a bulk load. Unique and check constraints stay in force.
Plan: a function call.
*/
select set_config('session_replication_role', 'replica', false) as session_replication_role;
