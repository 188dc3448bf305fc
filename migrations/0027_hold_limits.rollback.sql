set local lock_timeout = '5s';

drop function find_limited(uuid[], bigint[], bigint[], integer[], integer[], integer[], bigint);

-- Writers of reservations wait while the index is built.
drop index reservations_user_id_idx;
create index reservations_user_id_idx on reservations (user_id, created_at desc, id desc);
