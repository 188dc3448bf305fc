/* audit/wrong_totals
Finds reservations whose total is not the sum of their seats' prices. reservations_without_seats finds those without
seats.
Plan: one pass over reservations.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/wrong_totals */
    format('reservation %s', r.id) as subject,
    format('has a total of %s, but its seats cost %s', r.total_price, sums.price) as detail,
    count(*) over () as found
from reservations as r
cross join
    lateral (
        select sum(seat.price) as price
        from unnest(r.prices) as seat (price)
    ) as sums
where r.total_price <> sums.price
order by r.id
limit $1;
