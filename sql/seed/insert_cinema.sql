/* seed/insert_cinema
Returns the id of a cinema of the demo. The one that every installation begins with becomes it, as long as it has no
auditoriums; else the cinema is inserted.
Plan: index scan on cinemas_pkey, then one insert or update.
$1 text name: 1 to 200 characters
$2 text address: may be empty
$3 text timezone: IANA name
Sample: select 'Sample', '', 'Europe/Berlin'
*/
with /* seed/insert_cinema */ renamed as (
    update cinemas
    set
        name = $1,
        address = $2,
        timezone = $3,
        updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
    where
        id = 1
        and (name, timezone) = ('Cinema', 'UTC')
        and not exists (
            select 1
            from auditoriums as a
            where a.cinema_id = 1
        )
    returning id
),

made as (
    insert into cinemas (name, address, timezone)
    select
        $1,
        $2,
        $3
    where not exists (select 1 from renamed)
    returning id
)

select id
from renamed
union all
select id
from made;
