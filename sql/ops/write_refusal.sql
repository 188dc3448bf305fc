/* ops/write_refusal
Whether PostgreSQL refuses to write in this session: a standby, or a server or role whose transactions are read-only.
Plan: no table.
*/
select /* ops/write_refusal */
    pg_is_in_recovery() as is_standby,
    current_setting('transaction_read_only') = 'on' as is_read_only;
