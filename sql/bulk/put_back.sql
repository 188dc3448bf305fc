/* bulk/put_back
Takes back what set_aside did to showtimes: for those that cannot have the places that they were to get.
Plan: index scan on showtimes_pkey.
$1 bigint[] showtime_ids: which
Sample: select array_agg(id) from (select id from showtimes order by id limit 16) as st
*/
update /* bulk/put_back */ showtimes
set
    starts_at = starts_at - interval '8766000 hours',
    ends_at = ends_at - interval '8766000 hours',
    free_at = free_at - interval '8766000 hours'
where id = any($1);
