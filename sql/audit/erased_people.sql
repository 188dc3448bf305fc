/* audit/erased_people
Finds users who were erased, but of whom something is left: a name or an address, a login session, a mailed token, an API key,
a language, the contents of an entry in the change log, or what clients or the box office wrote to one of their reservations.
Plan: one pass over users; for each one who was erased, index scans on the other tables.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
with /* audit/erased_people */ erased as materialized (
    select
        id,
        name,
        coalesce(email, guest_email) as email,
        language
    from users
    where erased_at is not null
),

remains as (
    select
        e.id,
        'a name or an address' as what
    from erased as e
    where e.name <> 'Erased' or e.email not like '%@erased.invalid'
    union all
    select
        e.id,
        'a language' as what
    from erased as e
    where e.language is not null
    union all
    select
        e.id,
        'a login session' as what
    from erased as e
    where
        exists (
            select
            from login_sessions as s
            where s.user_id = e.id
        )
    union all
    select
        e.id,
        'a mailed token' as what
    from erased as e
    where
        exists (
            select
            from account_tokens as t
            where t.user_id = e.id
        )
    union all
    select
        e.id,
        'an API key' as what
    from erased as e
    where
        exists (
            select
            from api_keys as k
            where k.user_id = e.id and (k.revoked_at is null or k.name <> 'Erased')
        )
    union all
    select
        e.id,
        'the contents of an entry in the change log' as what
    from erased as e
    where
        exists (
            select
            from change_log as c
            inner join users as u on c.person_id = u.id
            where
                c.person_id = e.id
                and c.at < u.erased_at
                and coalesce(c.before ->> 'name', c.before ->> 'cancel_reason', c.after ->> 'name', c.after ->> 'cancel_reason') is not null
        )
    union all
    select
        e.id,
        'a reference, metadata or a reason of reservation ' || r.id as what
    from erased as e
    inner join reservations as r on e.id = r.user_id
    where num_nonnulls(r.reference, r.metadata, r.cancel_reason) > 0
    union all
    select
        e.id,
        'a reference, metadata or a reason of reservation ' || a.id as what
    from erased as e
    inner join archived_reservations as a on e.id = a.user_id
    where num_nonnulls(a.reference, a.metadata, a.cancel_reason) > 0
)

select
    format('user %s', id) as subject,
    format('was erased, but there is %s', what) as detail,
    count(*) over () as found
from remains
order by id, what
limit $1;
