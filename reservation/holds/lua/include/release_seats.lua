-- Increments the version, then deletes the keys among KEYS[3]... that are of the reservation ARGV[1]; their seats are
-- ARGV[2]... A key that expired and was taken by another reservation stays.
local map = redis.call('HMGET', KEYS[1], 'version', 'watched', 'others')
if map[1] then
  local version, watched = redis.call('HINCRBY', KEYS[1], 'version', 1), map[2]
  local seats = watched and table.concat(ARGV, ' ', 2)
  -- include publish_change
else
  -- What the showtime is about to be primed with may have been read before PostgreSQL decided: prime.lua leaves it out.
  -- These are none of KEYS, as the ticket in not_primed.lua.
  for i = 2, #ARGV do redis.call('SET', KEYS[1] .. ':released:' .. ARGV[1] .. ':' .. ARGV[i], 1, 'PX', 60000) end
  redis.call('SET', KEYS[1] .. ':changed', 1, 'PX', 60000)
end
local own_keys, own_seats = {}, {}
local holders = #KEYS > 2 and redis.call('MGET', unpack(KEYS, 3))
for i = 3, #KEYS do
  if holders[i - 2] == ARGV[1] then
    own_keys[#own_keys + 1] = KEYS[i]
    own_seats[#own_seats + 1] = ARGV[i - 1]
  end
end
if #own_keys > 0 then
  redis.call('DEL', unpack(own_keys))
  redis.call('ZREM', KEYS[2], unpack(own_seats))
end
if map[3] then
  -- include give_to_others
end
