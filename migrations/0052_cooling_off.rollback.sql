set local lock_timeout = '5s';

drop function find_limited(
    uuid[], bigint[], bigint[], integer[], integer[], integer[], bigint, text[], integer[], bigint
);
