/* seed/may_skip_checks
Whether this role may switch off its own session's foreign key checks: superusers may, and whom they granted it.
Plan: a function call.
*/
select has_parameter_privilege('session_replication_role', 'set') as allowed;
