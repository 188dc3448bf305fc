/* audit/archived_wrong_totals
Finds archived reservations whose total is not the sum of their seats' prices, those without seats included.
Plan: one pass over the archive.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/archived_wrong_totals */
    format('reservation %s', a.id) as subject,
    format('is archived with a total of %s, but its seats cost %s', a.total_price, sums.price) as detail,
    count(*) over () as found
from archived_reservations as a
cross join
    lateral (
        select sum(seat.price) as price
        from unnest(a.prices) as seat (price)
    ) as sums
where a.total_price is distinct from sums.price
order by a.id
limit $1;
