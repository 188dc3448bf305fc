/* erasure/find_person
Whom the erasure of an account concerns: the account, and the guests with its e-mail address if its owner has confirmed that; and
what its password is verified with. No row for a guest.
Plan: index scans on users_pkey and users_folded_guest_email_idx.
$1 bigint user_id: the account
Sample: select min(id) from users
*/
select /* erasure/find_person */
    u.email,
    fold_email(u.email) as folded_email,
    u.password_hash,
    u.role,
    array(
        select g.id
        from users as g
        where
            u.email_verified_at is not null
            and g.guest_email is not null
            and fold_email(g.guest_email) = fold_email(u.email)
        order by g.id
    ) as guest_ids
from users as u
where u.id = $1 and u.email is not null;
