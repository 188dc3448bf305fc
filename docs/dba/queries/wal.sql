-- WAL since the statistics began, and its share of full page images (the first change of a page after a checkpoint). The rate
-- is the mean of all that time, so use \watch, or run it twice.
select
    stats_reset as since,
    pg_size_pretty(wal_bytes) as wal,
    pg_size_pretty(wal_bytes / greatest(extract(epoch from clock_timestamp() - stats_reset), 1)) as wal_a_second,
    wal_records,
    wal_fpi as full_pages,
    wal_buffers_full,
    pg_current_wal_lsn() as current_lsn
from pg_stat_wal;
