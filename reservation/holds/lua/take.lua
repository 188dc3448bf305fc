-- Holds all the seats for a reservation, or none.
-- KEYS map, held, seat...; ARGV reservation, ttl_ms, seat id...
-- Returns {-1, ticket}: not primed; {0, seat id...}: others hold these; {1}: held.
-- include take_seats
local version, watched = redis.call('HINCRBY', KEYS[1], 'version', 1), map[2]
local seats = watched and table.concat(ARGV, ' ', 3)
-- include publish_change
-- include keep_for_a_week
return {1}
