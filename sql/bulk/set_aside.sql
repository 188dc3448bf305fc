/* bulk/set_aside
Moves showtimes out of everybody's way, a thousand years on, before they get the places that others of them leave:
showtimes_overlap_excl judges each row as it is written, so two could not change places otherwise. They keep their
distances, so none is in another's way there, and nobody sees it, since they have left before the commit. What is to stay
at its time, in its room, stays. updated_at is left to replace_showtimes. Answers who went, and when its old place ends.
The caller has locked the rooms, old and new, and the showtimes.
Plan: function scan, then index scans on showtimes_pkey.
$1 bigint[] showtime_ids: which
$2 bigint[] auditorium_ids: in which rooms they will be
$3 timestamptz[] starts_at: their starts there
$4 timestamptz[] ends_at: their ends
$5 bigint cleaning_s: seconds after the end in which a room cannot be used
Sample: select array_agg(id), array_agg(auditorium_id), array_agg(starts_at + interval '1 hour'), array_agg(ends_at +
interval '1 hour'), 900::bigint from (select id, auditorium_id, starts_at, ends_at from showtimes order by id limit 16)
as st
*/
update /* bulk/set_aside */ showtimes
set
    starts_at = showtimes.starts_at + interval '8766000 hours',
    ends_at = showtimes.ends_at + interval '8766000 hours',
    free_at = showtimes.free_at + interval '8766000 hours'
from
    unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[])
        as wanted (id, auditorium_id, starts_at, ends_at)
where
    showtimes.id = wanted.id
    and (showtimes.auditorium_id, showtimes.starts_at, showtimes.free_at)
    <> (wanted.auditorium_id, wanted.starts_at, wanted.ends_at + $5::bigint * interval '1 second')
returning showtimes.id, showtimes.free_at - interval '8766000 hours' as free_at;
