-- Holds all the seats KEYS[3]... for the reservation ARGV[1], or ends the script with what stands in the way. ARGV[2] is the
-- time in milliseconds, and ARGV[3]... are the seats. Sets the local `map` (version and watched).
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
