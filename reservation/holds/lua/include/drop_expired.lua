-- Removes expired holds from the sorted set; if there were any, the map has changed. Sets the locals `clock` (Redis's
-- TIME) and `state` (version and layout).
local clock = redis.call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
local expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms)
if #expired > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms)
  local version, seats = redis.call('HINCRBY', KEYS[1], 'version', 1), table.concat(expired, ' ')
  local watched = redis.call('HGET', KEYS[1], 'watched')
  -- include publish_change
end
local state = redis.call('HMGET', KEYS[1], 'version', 'layout')
