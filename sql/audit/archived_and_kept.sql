/* audit/archived_and_kept
Finds reservations that are in the archive and still in the tables that they were moved from.
Plan: the archive hash or merge joined to reservations; each table is read once.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/archived_and_kept */
    format('reservation %s', a.id) as subject,
    format('is archived as %s, and there as %s', a.status, r.status) as detail,
    count(*) over () as found
from archived_reservations as a
inner join reservations as r on a.id = r.id
order by a.id
limit $1;
