-- Holds all the seats for a reservation, or none.
-- KEYS map, held, seat...; ARGV reservation, ttl_ms, seat id...
-- Returns {-1, ticket}: not primed; {0, seat id...}: others hold these; {1}: held.
local map = redis.call('HMGET', KEYS[1], 'version', 'watched')
if not map[1] then
  -- include not_primed
end
local holders = redis.call('MGET', unpack(KEYS, 3))
local answer = {0}
for i = 1, #holders do
  if holders[i] and holders[i] ~= ARGV[1] then answer[#answer + 1] = tonumber(ARGV[i + 2]) end
end
if #answer > 1 then return answer end
local clock = redis.call('TIME')
local ends_ms = clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[2]
local ends = {}
for i = 3, #KEYS do
  redis.call('SET', KEYS[i], ARGV[1], 'NX', 'PX', ARGV[2])
  ends[#ends + 1] = ends_ms
  ends[#ends + 1] = ARGV[i]
end
redis.call('ZADD', KEYS[2], unpack(ends))
local version, watched = redis.call('HINCRBY', KEYS[1], 'version', 1), map[2]
local seats = watched and table.concat(ARGV, ' ', 3)
-- include publish_change
-- include keep_for_a_week
return {1}
