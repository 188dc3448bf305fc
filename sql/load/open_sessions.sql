/* load/open_sessions
Inserts a login session for each of the first load users, for the tokens that are minted for them, and returns them in
the order of the users. Expired sessions of these users are deleted.
Plan: function scan with a look-up on users_folded_email_key for each number, a delete by login_sessions_user_id_idx, and
the inserts.
$1 integer user_count: how many, from number 1 on
$2 bigint ttl_s: lifetime of the sessions in seconds
Sample: select 16, 3600::bigint
*/
with /* load/open_sessions */ load_users as (
    select
        u.id as user_id,
        gen_random_uuid() as session_id
    from generate_series(1, $1::integer) as wanted (number)
    inner join users as u
        on
            fold_email(u.email) = 'load-' || lpad(wanted.number::text, 6, '0') || '@load.invalid'
            and u.same_address_as is null
    order by wanted.number
),

swept as (
    delete from login_sessions as s
    using load_users as lu
    where s.user_id = lu.user_id and s.expires_at <= now()
),

opened as (
    insert into login_sessions (id, user_id, expires_at)
    select
        session_id,
        user_id,
        now() + $2::bigint * interval '1 second' as expires_at
    from load_users
)

select
    user_id,
    session_id
from load_users;
