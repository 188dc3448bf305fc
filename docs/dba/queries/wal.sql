-- WAL since the statistics began, and what of it is whole pages (the first change of each after a checkpoint); the rate is
-- the mean of all that time, so \watch it, or look twice.
select
    stats_reset as since,
    pg_size_pretty(wal_bytes) as wal,
    pg_size_pretty(wal_bytes / greatest(extract(epoch from clock_timestamp() - stats_reset), 1)) as wal_a_second,
    wal_records,
    wal_fpi as full_pages,
    wal_buffers_full,
    pg_current_wal_lsn() as current_lsn
from pg_stat_wal;
