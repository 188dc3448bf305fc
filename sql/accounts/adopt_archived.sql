/* accounts/adopt_archived
Gives an account a batch of the archived reservations that guests have made with its e-mail address, and says how many they were.
Plan: nested loop from users_folded_guest_email_idx to archived_reservations_user_id_idx; the update by archived_reservations_pkey.
$1 bigint user_id: the account
$2 text email: the account's, compared as a login does
$3 bigint row_limit: most reservations of the batch
Sample: select (select id from users where role = 'user' order by id limit 1), 'sample@example.com', 500::bigint
*/
with /* accounts/adopt_archived */ batch as (
    select r.id
    from users as g
    inner join archived_reservations as r on g.id = r.user_id
    where g.guest_email is not null and fold_email(g.guest_email) = fold_email($2::text)
    order by g.id
    limit $3
),

locked as (
    select r.id
    from archived_reservations as r
    where r.id in (select b.id from batch as b)
    order by r.id
    for no key update
),

adopted as (
    update archived_reservations as r
    set user_id = $1
    from locked
    where r.id = locked.id
    returning r.id
)

select count(*) as adopted
from adopted;
