/* ops/session_settings
The session's values of settings. Behind a pooler they come from the role, so the service checks them.
Plan: no table.
$1 text[] names: names of the settings
Sample: select '{statement_timeout,jit}'::text[]
*/
select /* ops/session_settings */
    name,
    setting
from pg_settings
where name = any($1::text[]);
