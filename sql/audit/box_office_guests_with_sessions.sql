/* audit/box_office_guests_with_sessions
Finds guests made at the box office who have a login session: whoever got its token sees what the box office books for them.
Plan: a join of the guests with login_sessions.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/box_office_guests_with_sessions */
    format('user %s', u.id) as subject,
    format('was made at the box office, and has the login session %s', s.id) as detail,
    count(*) over () as found
from users as u
inner join login_sessions as s on u.id = s.user_id
where u.made_at_box_office
order by u.id, s.id
limit $1;
