/* audit/wrong_details
Finds reservations, archived ones included, whose details contradict one another or are not what the service writes: a code
that is not one, more or fewer ticket types than seats, a ticket type that does not exist, a canceller of what is not
cancelled, or a reference or metadata beyond their limits (metadata by PostgreSQL's text form, which has more spaces).
Plan: one pass over each of the tables.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
with /* audit/wrong_details */ every_one as not materialized (
    select
        id,
        status,
        code,
        cancelled_by,
        reference,
        metadata,
        seat_ids,
        ticket_type_ids
    from reservations
    union all
    select
        id,
        status,
        code,
        cancelled_by,
        reference,
        metadata,
        seat_ids,
        ticket_type_ids
    from archived_reservations
),

checked as not materialized (
    select
        id,
        coalesce(code !~ '^[0-9A-HJKMNP-TV-Z]{8}$', true) as wrong_code,
        cardinality(ticket_type_ids) not in (0, cardinality(seat_ids))
        or not ticket_type_ids <@ array(select t.id from ticket_types as t) as wrong_ticket_types,
        cancelled_by is not null
        and (status <> 'cancelled' or cancelled_by not in ('customer', 'cinema', 'staff')) as wrong_cancelled_by,
        char_length(reference) > 100 as wrong_reference,
        jsonb_typeof(metadata) <> 'object' or octet_length(metadata::text) > 2048 as wrong_metadata
    from every_one
)

select
    format('reservation %s', id) as subject,
    'has the wrong ' || concat_ws(
        ', ',
        case when wrong_code then 'code' end,
        case when wrong_ticket_types then 'ticket types' end,
        case when wrong_cancelled_by then 'cancelled_by' end,
        case when wrong_reference then 'reference' end,
        case when wrong_metadata then 'metadata' end
    ) as detail,
    count(*) over () as found
from checked
where wrong_code or wrong_ticket_types or wrong_cancelled_by or wrong_reference or wrong_metadata
order by id
limit $1;
