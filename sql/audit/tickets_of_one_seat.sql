/* audit/tickets_of_one_seat
Finds seats of a showtime for which more than one ticket is good: tickets_seat_key excludes that.
Plan: one pass over tickets, aggregated.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/tickets_of_one_seat */
    format('seat %s', seat_id) as subject,
    format('of showtime %s has %s tickets that are good', showtime_id, count(*)) as detail,
    count(*) over () as found
from tickets
where cancelled_at is null
group by showtime_id, seat_id
having count(*) > 1
order by showtime_id, seat_id
limit $1;
