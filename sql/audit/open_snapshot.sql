/* audit/open_snapshot
Gives the audit's transaction, and it alone, the time and the memory to look at everything: the service's own limits
are for requests. Each sort or hash may take the memory, which keeps a million reservations out of temporary files.
Plan: function calls.
$1 text statement_timeout: with its unit
$2 text work_mem: likewise
Sample: select '600s', '64MB'
*/
select /* audit/open_snapshot */
    set_config('statement_timeout', $1, true) as statement_timeout,
    set_config('work_mem', $2, true) as work_mem;
