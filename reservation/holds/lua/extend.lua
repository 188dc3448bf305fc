-- Holds all the seats for ttl_ms from now, those that are free included, or leaves all as they are. No hold gets shorter:
-- of two calls for a reservation the second may have been decided first.
-- KEYS map, held, seat..., released..., kept; ARGV reservation, ttl_ms, seat id...
-- Returns {-1, ticket}: not primed; {0, seat id...}: others hold these; {1}: held.
local kept, last = table.remove(KEYS), #ARGV
local map = redis.call('HMGET', KEYS[1], 'version', 'watched')
if not map[1] then
  -- include not_primed
end
local holders = redis.call('MGET', unpack(KEYS, 3, last))
local answer, free = {0}, 0
for i = 3, last do
  local holder = holders[i - 2]
  if not holder then free = free + 1
  elseif holder ~= ARGV[1] then answer[#answer + 1] = tonumber(ARGV[i]) end
end
if #answer > 1 then return answer end
local ttl_ms = tonumber(ARGV[2])
for i = 3, last do ttl_ms = math.max(ttl_ms, redis.call('PTTL', KEYS[i])) end
local clock = redis.call('TIME')
local ends_ms = clock[1] * 1000 + math.floor(clock[2] / 1000) + ttl_ms
redis.call('SET', kept, string.format('%.0f', clock[1] * 1000000 + clock[2]), 'PX', ttl_ms)
for i = 3, last do
  redis.call('DEL', KEYS[i + last - 2])
  redis.call('SET', KEYS[i], ARGV[1], 'PX', ttl_ms)
  redis.call('ZADD', KEYS[2], ends_ms, ARGV[i])
end
if free > 0 then
  local version, watched = redis.call('HINCRBY', KEYS[1], 'version', 1), map[2]
  local seats = watched and table.concat(ARGV, ' ', 3)
  -- include publish_change
end
-- include keep_for_a_week
return {1}
