/* audit/seats_listed_twice
Finds reservations that have a seat twice. No constraint excludes that.
Plan: one pass over reservations.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/seats_listed_twice */
    format('reservation %s', r.id) as subject,
    format('has %s seats, but only %s different ones', cardinality(r.seat_ids), different.seats) as detail,
    count(*) over () as found
from reservations as r
cross join
    lateral (
        select count(distinct seat.id) as seats
        from unnest(r.seat_ids) as seat (id)
    ) as different
where cardinality(r.seat_ids) > 1 and different.seats <> cardinality(r.seat_ids)
order by r.id
limit $1;
