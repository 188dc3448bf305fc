/* mails/find_reservation
A reservation as a mail tells it, its showtime, and who gets the mail. No row: it was archived, or deleted with a load test.
Plan: index scans on reservations_pkey, payments_reservation_id_number_key, refunds_payment_id_idx,
users_pkey, showtimes_pkey, movies_pkey, auditoriums_pkey and cinemas_pkey.
$1 uuid reservation_id: which
Sample: select r.id from (select) as one left join (select id from reservations order by id desc limit 1) as r on true
*/
select /* mails/find_reservation */
    r.id,
    r.code,
    case when r.status = 'held' and r.expires_at <= now() then 'expired' else r.status end as status,
    r.total_price,
    r.expires_at,
    r.cancelled_by,
    r.confirmed_at is not null as was_confirmed,
    (
        select sum(f.amount)
        from payments as p
        inner join refunds as f on p.id = f.payment_id
        where p.reservation_id = r.id and f.reason in ('cancelled', 'showtime_cancelled')
    ) as refund,
    r.row_labels,
    r.seat_numbers,
    r.prices,
    array(
        select t.name
        from unnest(r.ticket_type_ids) with ordinality as own (id, place)
        inner join ticket_types as t on own.id = t.id
        order by own.place
    ) as ticket_types,
    st.starts_at,
    st.ends_at,
    st.status = 'cancelled' as is_cancelled,
    st.cancel_reason,
    st.format,
    m.title as movie,
    a.name as auditorium,
    c.name as cinema,
    c.address as cinema_address,
    c.timezone,
    u.name as customer_name,
    case when u.erased_at is null then coalesce(u.email, u.guest_email) end as customer_email,
    u.language as customer_language,
    u.role <> 'guest' as has_account
from reservations as r
inner join users as u on r.user_id = u.id
inner join showtimes as st on r.showtime_id = st.id
inner join movies as m on st.movie_id = m.id
inner join auditoriums as a on st.auditorium_id = a.id
inner join cinemas as c on a.cinema_id = c.id
where r.id = $1;
