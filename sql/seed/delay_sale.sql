/* seed/delay_sale
Lets the sale of the demo's last showtime begin tomorrow, at 10:00 in its cinema's time zone.
Plan: sequential scan of the few auditoriums, and an index scan on showtimes_auditorium_id_idx for each.
*/
with /* seed/delay_sale */ latest as (
    select
        st.id,
        c.timezone
    from showtimes as st
    inner join auditoriums as a on st.auditorium_id = a.id
    inner join cinemas as c on a.cinema_id = c.id
    where a.extra_metadata @> '{"demo": true}'
    order by st.starts_at desc, st.id desc
    limit 1
)

update showtimes
set on_sale_at = ((now() at time zone latest.timezone)::date + 1 + time '10:00') at time zone latest.timezone
from latest
where showtimes.id = latest.id;
