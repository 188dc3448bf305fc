-- Holds all the seats for a reservation, or none, as take.lua does, unless its client address would have too many live holds'
-- seats of the showtime with them. The address has a hash: the keys of the seats that it took, each with its reservation. Those
-- that the reservations do not hold any more are deleted only when there seems to be no room: a confirm, a cancel and the end of
-- a hold do not concern the hash.
-- KEYS map, held, seat..., address; ARGV reservation, ttl_ms, seat id..., most, kept_s (of the hash)
-- Returns {-1, ticket}: not primed; {0, seat id...}: others hold these; {1}: held; {2}: too many.
local address, kept_s, most = table.remove(KEYS), table.remove(ARGV), tonumber(table.remove(ARGV))
local room = most - (#KEYS - 2)
if redis.call('HLEN', address) > room then
  local taken, count, asked, left = redis.call('HGETALL', address), 0, {}, {}
  for i = 3, #KEYS do asked[KEYS[i]] = true end -- a repeated call has taken them before
  for i = 1, #taken, 2 do
    local holder = redis.call('GET', taken[i])
    if holder ~= taken[i + 1] then left[#left + 1] = taken[i]
    elseif not asked[taken[i]] then count = count + 1 end
  end
  for _, key in ipairs(left) do redis.call('HDEL', address, key) end -- after the reading of them all: they are not in KEYS
  if count > room then return {2} end
end
-- include take_seats
local version, watched = redis.call('HINCRBY', KEYS[1], 'version', 1), map[2]
local seats = watched and table.concat(ARGV, ' ', 3)
-- include publish_change
-- include keep_for_a_week
local own = {}
for i = 3, #KEYS do
  own[#own + 1] = KEYS[i]
  own[#own + 1] = ARGV[1]
end
redis.call('HSET', address, unpack(own))
redis.call('EXPIRE', address, kept_s)
return {1}
