/* box_office/ensure_customer
The account with an e-mail address, compared as a login does, or else the guest of that address and name whom the box office
has made before or makes now. Guests who got a token are not taken: whoever has the token would see the reservation. An update
that changes nothing returns the row of another session that makes the same guest at this moment.
Plan: index scans on users_lower_email_key and users_box_office_guest_key, and an insert with conflicts on the latter.
$1 text email: as typed
$2 text name: of a guest; an account keeps its own
Sample: select 'sample@example.com', 'Sample'
*/
with /* box_office/ensure_customer */ known as materialized (
    select u.id
    from users as u
    where lower(u.email) = lower($1::text)
    union all
    select g.id
    from users as g
    where g.made_at_box_office and lower(g.guest_email) = lower($1::text) and g.name = $2
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
    on conflict (lower(guest_email), name) where made_at_box_office do update
        set updated_at = g.updated_at
    returning g.id
)

select id
from known
union all
select id
from made
limit 1;
