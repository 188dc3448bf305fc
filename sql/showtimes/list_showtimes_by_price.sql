/* showtimes/list_showtimes_by_price
Returns a page of showtimes in the order of their lowest price. One of a room without seats has no price, and is left out.
The conditions are in a CASE: PostgreSQL expects of it that half of the rows meet it, and so reads the index in its order.
Past showtimes are read over in the index.
Plan: for each status an index only scan on showtimes_price_from_idx that ends at row_limit; then primary key look-ups for the
page.
$1 timestamptz first_start: showtimes that start then or later; null for now
$2 timestamptz before_start: showtimes that start before
$3 numeric after_price: showtimes after this price and id
$4 bigint after_id: 0 to include all of that price
$5 text[] statuses: of these only
$6 date day: that start on this day in the time zone of their cinema; null for any
$7 bigint cinema_id: in this cinema; null for any
$8 bigint auditorium_id: in this room; null for any
$9 bigint movie_id: of this film; null for any
$10 text genre: one of the film's genres, in any case; null for any
$11 integer min_seats_left: with so many seats left by the last count; null for any
$12 bigint row_limit: the most rows of the page
Sample: select null::timestamptz, now() + interval '1 year', 0.00, 0::bigint, array['scheduled'], null::date, null::bigint,
null::bigint, null::bigint, null::text, 1, 50::bigint
*/
with /* showtimes/list_showtimes_by_price */ page as (
    select
        near.id,
        near.price_from
    from unnest($5::text[]) as wanted (status)
    cross join
        lateral ( -- noqa: ST05
            select
                st.id,
                st.price_from
            from showtimes as st
            where
                st.status = wanted.status
                and (st.price_from, st.id) > ($3, $4)
                and case
                    when st.starts_at < coalesce($1, now()) or st.starts_at >= $2 then false
                    else
                        ($8::bigint is null or st.auditorium_id = $8)
                        and ($9::bigint is null or st.movie_id = $9)
                        and ($7::bigint is null or st.auditorium_id = any(array(
                            select a.id
                            from auditoriums as a
                            where a.cinema_id = $7
                        )))
                        and ($10::text is null or st.movie_id = any(array(
                            select m.id
                            from movies as m
                            where fold_texts(m.genres) @> array[fold_text($10)]
                        )))
                        and ($6::date is null or (
                            st.starts_at at time zone (
                                select c.timezone
                                from auditoriums as a
                                inner join cinemas as c on a.cinema_id = c.id
                                where a.id = st.auditorium_id
                            )
                        )::date = $6)
                        and ($11::integer is null or (
                            select
                                a.seat_count - coalesce((
                                    select av.taken
                                    from showtime_availability as av
                                    where av.showtime_id = st.id
                                ), 0)
                            from auditoriums as a
                            where a.id = st.auditorium_id
                        ) >= $11)
                end
            order by st.price_from, st.id
            limit $12
        ) as near
    order by near.price_from, near.id
    limit $12
)

select
    st.id,
    st.movie_id,
    m.title as movie_title,
    st.auditorium_id,
    a.name as auditorium_name,
    a.cinema_id,
    st.starts_at,
    st.ends_at,
    st.base_price,
    st.format,
    st.audio_language,
    st.subtitle_language,
    st.on_sale_at,
    st.sales_end_at,
    st.waiting_room,
    st.status,
    st.cancelled_at,
    st.cancel_reason,
    st.created_at,
    st.updated_at
from page
inner join showtimes as st on page.id = st.id
inner join movies as m on st.movie_id = m.id
inner join auditoriums as a on st.auditorium_id = a.id
order by page.price_from, page.id;
