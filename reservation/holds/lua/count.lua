-- Counts in KEYS[1], which expires ARGV[1] seconds after its first count; returns the count.
local count = redis.call('INCR', KEYS[1])
if count == 1 then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return count
