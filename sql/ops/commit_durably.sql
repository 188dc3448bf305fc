/* ops/commit_durably
Makes the commits of this session wait for the disk, if the database or the role has synchronous_commit off: an answered
confirm must survive a crash. Other values are the DBA's choice, since they differ in what standbys have. Runs once, when a
connection is opened.
Plan: no table.
*/
select /* ops/commit_durably */ set_config('synchronous_commit', 'on', false) as synchronous_commit
where current_setting('synchronous_commit') = 'off';
