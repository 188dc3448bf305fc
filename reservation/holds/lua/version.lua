-- Reads the map's state.
-- KEYS map, held
-- Returns {version, layout}, or {-1, ticket}: not primed.
if redis.call('EXISTS', KEYS[1]) == 0 then
  -- include not_primed
end
-- include drop_expired
return {tonumber(state[1]), tonumber(state[2])}
