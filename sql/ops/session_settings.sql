/* ops/session_settings
How the session is set, as other sessions of the role are: behind a pooler the service cannot see to it by itself.
Plan: no table.
$1 text[] names: of which settings
Sample: select '{statement_timeout,jit}'::text[]
*/
select /* ops/session_settings */
    name,
    setting
from pg_settings
where name = any($1::text[]);
