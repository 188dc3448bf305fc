/* ticket_types/read_all
Returns all ticket types with the version of the list, which a worker keeps: a hold with ticket types is written at this
version, or not at all. There is always one row at least.
Plan: index scans on ticket_types_pkey and ticket_type_version_pkey.
*/
select /* ticket_types/read_all */
    t.id,
    t.name,
    t.price_factor,
    t.fixed_price,
    t.active,
    t.is_used,
    (
        select v.version
        from ticket_type_version as v
        where v.only_row
    ) as version
from ticket_types as t
order by t.id;
