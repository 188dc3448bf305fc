/* ops/figures
What /metrics says of the database: live holds, of the showtimes that are known to have some, and the reservations in the
archive, as the last ANALYZE or autovacuum has counted them.
Plan: index scan on showtime_availability_recount_at_idx, and for each showtime one on
reservations_showtime_id_expires_at_idx from now on.
*/
select /* ops/figures */
    (
        select count(*)
        from showtime_availability as av
        inner join reservations as r on av.showtime_id = r.showtime_id
        where av.recount_at > '-infinity' and r.expires_at > now() and r.status = 'held'
    ) as live_holds,
    (
        select greatest(c.reltuples, 0)::bigint
        from pg_class as c
        where c.oid = 'archived_reservations'::regclass
    ) as archived;
