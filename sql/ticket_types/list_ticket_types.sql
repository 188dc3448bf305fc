/* ticket_types/list_ticket_types
Returns a page of ticket types in the order of their positions.
Plan: index scan on ticket_types_position_idx, stopped by the limit; the filter passes over those that are not active, of
which there are few.
$1 bigint after_position: the last position of the page before; -1 for the first page
$2 bigint after_id: its id; 0 for the first page
$3 boolean active_only: whether to leave out those that are not active
$4 bigint row_limit: the most rows of the page
Sample: select -1::bigint, 0::bigint, true, 50::bigint
*/
select /* ticket_types/list_ticket_types */
    id,
    name,
    price_factor,
    fixed_price,
    position,
    active,
    created_at,
    updated_at
from ticket_types
where
    (position, id) > ($1::bigint, $2::bigint)
    and (active or not $3)
order by position, id
limit $4;
