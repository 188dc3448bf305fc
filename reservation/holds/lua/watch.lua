-- Has every change of the map published on a channel for some seconds from now.
-- KEYS map, held; ARGV seconds, channel
-- Returns {version, layout, 1 if its changes were published until now, else 0}, or {-1, ticket}: not primed.
if redis.call('EXISTS', KEYS[1]) == 0 then
  -- include not_primed
end
-- include drop_expired
local watched = redis.call('HGET', KEYS[1], 'watched')
local was_watched = watched and tonumber(clock[1]) < tonumber(watched)
redis.call('HSET', KEYS[1], 'watched', string.format('%.0f', clock[1] + ARGV[1]), 'channel', ARGV[2])
return {tonumber(state[1]), tonumber(state[2]), was_watched and 1 or 0}
