-- Has every change of the map published on a channel for some seconds from now.
-- KEYS map, held; ARGV seconds, channel
-- Returns {version, layout, version since which all changes were published}, or {-1, ticket}: not primed.
if redis.call('EXISTS', KEYS[1]) == 0 then
  -- include not_primed
end
-- include drop_expired
local watched = redis.call('HGET', KEYS[1], 'watched')
if not (watched and tonumber(clock[1]) < tonumber(watched)) then
  redis.call('HSET', KEYS[1], 'watched_since', state[1])
end
redis.call('HSET', KEYS[1], 'watched', string.format('%.0f', clock[1] + ARGV[1]), 'channel', ARGV[2])
return {tonumber(state[1]), tonumber(state[2]), tonumber(redis.call('HGET', KEYS[1], 'watched_since'))}
