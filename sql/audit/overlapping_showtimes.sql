/* audit/overlapping_showtimes
Finds scheduled showtimes that start in a room before an earlier one has ended there, cleaning included. showtimes_overlap_excl
excludes that, but a constraint can be dropped. Comparing each showtime with the latest end before it needs no self
join.
Plan: one pass over showtimes, sorted by room and start.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
with /* audit/overlapping_showtimes */ occupied as (
    select
        id,
        auditorium_id,
        starts_at,
        max(free_at) over earlier as until
    from showtimes
    where status = 'scheduled'
    window earlier as (
        partition by auditorium_id
        order by starts_at, id
        rows between unbounded preceding and 1 preceding
    )
)

select
    format('showtime %s', id) as subject,
    format('starts in auditorium %s at %s, which is taken until %s', auditorium_id, starts_at, until) as detail,
    count(*) over () as found
from occupied
where starts_at < until
order by id
limit $1;
