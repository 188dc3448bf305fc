/* box_office/ensure_customer
The account with an e-mail address, found as accounts/find_credentials does, or else the guest of that address and name whom the box office
has made before or makes now. Guests who got a token are not taken: whoever has the token would see the reservation. An update
that changes nothing returns the row of another session that makes the same guest at this moment.
Plan: index scans on users_same_address_as_idx, where there are few, users_folded_email_key and
users_folded_box_office_guest_key, and an insert with conflicts on the last one.
$1 text email: as typed
$2 text name: of a guest; an account keeps its own
Sample: select 'sample@example.com', 'Sample'
*/
with /* box_office/ensure_customer */ known as materialized (
    select
        o.id,
        1 as place
    from users as o
    where lower(o.email) = lower($1::text) and o.same_address_as is not null
    union all
    select
        u.id,
        2 as place
    from users as u
    where fold_email(u.email) = fold_email($1::text) and u.same_address_as is null
    union all
    select
        g.id,
        3 as place
    from users as g
    where
        g.made_at_box_office
        and g.same_address_as is null
        and fold_email(g.guest_email) = fold_email($1::text)
        and g.name = $2
),

made as (
    insert into users as g (name, guest_email, password_hash, role, made_at_box_office)
    select
        $2,
        $1,
        '!',
        'guest',
        true
    where not exists (select from known)
    on conflict (fold_email(guest_email), name) where made_at_box_office and same_address_as is null do update
        set updated_at = g.updated_at
    returning g.id
)

select
    id,
    place
from known
union all
select
    id,
    4 as place
from made
order by place
limit 1;
