/* showtimes/find_overlaps
Which showtimes overlap those that insert_showtimes left out, as find_overlap answers for one. The position is
that in the arrays, from 1; there is no row for what nothing is in the way of any more.
Plan: function scan, and for each row an index scan on showtimes_overlap_excl.
$1 bigint[] auditorium_ids: in which rooms
$2 timestamptz[] starts_at: wanted starts
$3 timestamptz[] ends_at: wanted ends
$4 bigint cleaning_s: seconds after the end in which a room cannot be used
Sample: select array_agg(auditorium_id), array_agg(starts_at), array_agg(ends_at), 0::bigint from (select auditorium_id,
starts_at, ends_at from showtimes order by starts_at desc, id desc limit 16) as st
*/
select /* showtimes/find_overlaps */ distinct on (wanted.position)
    wanted.position,
    st.id as showtime_id
from
    unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[])
    with ordinality as wanted (auditorium_id, starts_at, ends_at, position)
inner join showtimes as st
    on
        int8range(st.auditorium_id, st.auditorium_id, '[]') && int8range(wanted.auditorium_id, wanted.auditorium_id, '[]')
        and tstzrange(st.starts_at, st.free_at, '[)')
        && tstzrange(wanted.starts_at, wanted.ends_at + $4::bigint * interval '1 second', '[)')
order by wanted.position, st.starts_at;
