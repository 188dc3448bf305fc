/* audit/wrong_totals
Finds reservations whose total is not the sum of their seats' prices, or with a negative price, which no constraint
excludes. reservations_without_seats finds those without seats.
Plan: one pass over reservations.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/wrong_totals */
    format('reservation %s', r.id) as subject,
    case
        when r.total_price <> sums.price then format('has a total of %s, but its seats cost %s', r.total_price, sums.price)
        else format('has a seat that costs %s', sums.lowest)
    end as detail,
    count(*) over () as found
from reservations as r
cross join
    lateral (
        select
            sum(seat.price) as price,
            min(seat.price) as lowest
        from unnest(r.prices) as seat (price)
    ) as sums
where r.total_price <> sums.price or sums.lowest < 0
order by r.id
limit $1;
