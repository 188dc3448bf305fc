/* ops/server_line
Which PostgreSQL cluster a server belongs to, and its timeline, which a promotion raises; 0 on a standby. Runs once, when a
connection is opened.
Plan: no table.
*/
select /* ops/server_line */
    cluster.system_identifier::text as cluster,
    case
        when pg_is_in_recovery() then 0
        else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
    end as timeline
from pg_control_system() as cluster;
