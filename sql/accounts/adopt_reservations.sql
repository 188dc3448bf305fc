/* accounts/adopt_reservations
Gives an account a batch of the reservations that guests have made with its e-mail address, and says how many they were. Live
holds stay with the guests who made them, since they are about to confirm them. Run
before accounts/adopt_archived: in this order, a reservation that is moved to the archive meanwhile is found there.
Plan: nested loop from users_folded_guest_email_idx to reservations_user_id_idx; the update by reservations_pkey.
$1 bigint user_id: the account
$2 text email: the account's, compared as a login does
$3 bigint row_limit: most reservations of the batch
Sample: select (select id from users where role = 'user' order by id limit 1), 'sample@example.com', 500::bigint
*/
with /* accounts/adopt_reservations */ batch as (
    select r.id
    from users as g
    inner join reservations as r on g.id = r.user_id
    where
        g.guest_email is not null
        and fold_email(g.guest_email) = fold_email($2::text)
        and (g.made_at_box_office or r.status <> 'held' or r.expires_at <= now())
    order by g.id
    limit $3
),

locked as (
    select r.id
    from reservations as r
    where r.id in (select b.id from batch as b)
    order by r.id
    for no key update
),

adopted as (
    update reservations as r
    set user_id = $1
    from locked
    where r.id = locked.id
    returning r.id
)

select count(*) as adopted
from adopted;
