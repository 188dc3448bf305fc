/* audit/wrong_totals
Finds reservations whose total is not the sum of their seats' prices. reservations_without_seats finds those without
seats.
Plan: reservation_seats summed by reservation, hashed or in the order of its primary key, joined to reservations; each
table is read once.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
with /* audit/wrong_totals */ sums as (
    select
        reservation_id,
        sum(price_at_booking) as price
    from reservation_seats
    group by reservation_id
)

select
    format('reservation %s', r.id) as subject,
    format('has a total of %s, but its seats cost %s', r.total_price, sums.price) as detail,
    count(*) over () as found
from sums
inner join reservations as r on sums.reservation_id = r.id
where r.total_price <> sums.price
order by r.id
limit $1;
