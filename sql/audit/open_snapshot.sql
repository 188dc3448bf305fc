/* audit/open_snapshot
Raises the time limit and work_mem for the audit's transaction only: the service's limits are meant for requests. Each
sort or hash may use this much memory, so a million reservations need no temporary files.
Plan: function calls.
$1 text statement_timeout: such as '600s'
$2 text work_mem: such as '64MB'
Sample: select '600s', '64MB'
*/
select /* audit/open_snapshot */
    set_config('statement_timeout', $1, true) as statement_timeout,
    set_config('work_mem', $2, true) as work_mem;
