/* reports/begin
Makes the settings of a report's transaction, until its end; the pool's are for short statements that are run often. A report is
planned for its arguments, may read tables in sequence, sorts and joins in memory, runs in one process, so that the other
cores stay with the bookings, and ends after a time of its own.
Plan: no table.
$1 text timeout_ms: how long each of its statements may take, in milliseconds
Sample: select '30000'
*/
select /* reports/begin */
    set_config('statement_timeout', $1, true),
    set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('enable_seqscan', 'on', true),
    set_config('work_mem', '64MB', true),
    set_config('max_parallel_workers_per_gather', '0', true);
