"""The Lua scripts behind holds.py, which says what the keys are; each runs whole or not at all.

Running one again for the same reservation is harmless, since a caller cannot know whether a command whose connection
broke was carried out.
"""

from dataclasses import dataclass, field
from hashlib import sha1

# A map's version outlives its showtime's last hold by a week; longer than any hold, and then it is primed anew.
VERSION_TTL_S = 7 * 86_400


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """A script, and the digest by which Redis knows it once it is loaded."""

    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", sha1(self.source.encode(), usedforsecurity=False).hexdigest())


# Says that the map has changed, to whoever watches it: `watched` is until when, in seconds, false for nobody; `seats`
# are those that may look different now. A version has more digits than Lua writes of a number by itself.
_PUBLISH_CHANGE = """
if watched then
  if tonumber(redis.call('TIME')[1]) < tonumber(watched) then
    local notice = KEYS[1] .. ' ' .. string.format('%.0f', version)
    if seats then notice = notice .. ' ' .. seats end
    redis.call('PUBLISH', redis.call('HGET', KEYS[1], 'channel'), notice)
  else
    redis.call('HDEL', KEYS[1], 'watched', 'channel')
  end
end
"""

# Ended holds leave the sorted set, and the map has changed when one did. Shared by the scripts below.
_DROP_EXPIRED = f"""
local clock = redis.call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms)
if #ended > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms)
  local version, seats = redis.call('HINCRBY', KEYS[1], 'version', 1), table.concat(ended, ' ')
  local watched = redis.call('HGET', KEYS[1], 'watched')
  {_PUBLISH_CHANGE}
end
local state = redis.call('HMGET', KEYS[1], 'version', 'layout')
"""

# KEYS map, held, seat...; ARGV reservation, ttl_s, seat id...
# -> {-1} not primed, {0, seat id...} lost to these, {1} held.
TAKE = Script(
    """
local map = redis.call('HMGET', KEYS[1], 'version', 'watched')
if not map[1] then return {-1} end
local answer = {0}
for i = 3, #KEYS do
  local holder = redis.call('GET', KEYS[i])
  if holder and holder ~= ARGV[1] then answer[#answer + 1] = tonumber(ARGV[i]) end
end
if #answer > 1 then return answer end
local clock = redis.call('TIME')
local ends_ms = (clock[1] + ARGV[2]) * 1000 + math.floor(clock[2] / 1000)
local ends = {}
for i = 3, #KEYS do
  redis.call('SET', KEYS[i], ARGV[1], 'NX', 'EX', ARGV[2])
  ends[#ends + 1] = ends_ms
  ends[#ends + 1] = ARGV[i]
end
redis.call('ZADD', KEYS[2], unpack(ends))
local version, watched = redis.call('HINCRBY', KEYS[1], 'version', 1), map[2]
local seats = watched and table.concat(ARGV, ' ', 3)
%publish
redis.call('EXPIRE', KEYS[1], %d)
redis.call('EXPIRE', KEYS[2], %d)
return {1}
""".replace("%publish", _PUBLISH_CHANGE).replace("%d", str(VERSION_TTL_S))
)

# KEYS map, held, seat...; ARGV reservation, ttl_ms, seat id...
# -> {-1} not primed, {0, seat id...} lost to these, {1} held for ttl_ms from now. What was free is taken anew.
EXTEND = Script(
    """
local map = redis.call('HMGET', KEYS[1], 'version', 'watched')
if not map[1] then return {-1} end
local holders = redis.call('MGET', unpack(KEYS, 3))
local answer, free = {0}, 0
for i = 3, #KEYS do
  local holder = holders[i - 2]
  if not holder then free = free + 1
  elseif holder ~= ARGV[1] then answer[#answer + 1] = tonumber(ARGV[i]) end
end
if #answer > 1 then return answer end
local clock = redis.call('TIME')
local ends_ms = clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[2]
for i = 3, #KEYS do
  redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
  redis.call('ZADD', KEYS[2], ends_ms, ARGV[i])
end
if free > 0 then
  local version, watched = redis.call('HINCRBY', KEYS[1], 'version', 1), map[2]
  local seats = watched and table.concat(ARGV, ' ', 3)
  %publish
end
redis.call('EXPIRE', KEYS[1], %d)
redis.call('EXPIRE', KEYS[2], %d)
return {1}
""".replace("%publish", _PUBLISH_CHANGE).replace("%d", str(VERSION_TTL_S))
)

# KEYS map, held, seat...; ARGV reservation, seat id... Counts the version up, then deletes the seats' keys that are
# still this reservation's. One that has run out and been taken by somebody else stays.
RELEASE = Script(f"""
local map = redis.call('HMGET', KEYS[1], 'version', 'watched')
if map[1] then
  local version, watched = redis.call('HINCRBY', KEYS[1], 'version', 1), map[2]
  local seats = watched and table.concat(ARGV, ' ', 2)
  {_PUBLISH_CHANGE}
end
local mine, seats = {{}}, {{}}
local holders = #KEYS > 2 and redis.call('MGET', unpack(KEYS, 3))
for i = 3, #KEYS do
  if holders[i - 2] == ARGV[1] then
    mine[#mine + 1] = KEYS[i]
    seats[#seats + 1] = ARGV[i - 1]
  end
end
if #mine > 0 then
  redis.call('DEL', unpack(mine))
  redis.call('ZREM', KEYS[2], unpack(seats))
end
""")

# KEYS map. The seats or prices themselves have changed: counts the version up, and remembers at which.
BUMP_LAYOUT = Script(f"""
local map = redis.call('HMGET', KEYS[1], 'version', 'watched')
if map[1] then
  local version, watched, seats = redis.call('HINCRBY', KEYS[1], 'version', 1), map[2], nil
  redis.call('HSET', KEYS[1], 'layout', version)
  {_PUBLISH_CHANGE}
end
""")

# KEYS map, held -> {version, layout}, or {-1} when not primed
VERSION = Script(f"""
if redis.call('EXISTS', KEYS[1]) == 0 then return {{-1}} end
{_DROP_EXPIRED}
return {{tonumber(state[1]), tonumber(state[2])}}
""")

# KEYS map, held; ARGV seconds, channel. From here on, and for so long, every change is told on the channel.
# -> {version, layout, 1 if that was so before}, or {-1} when not primed
WATCH = Script(f"""
if redis.call('EXISTS', KEYS[1]) == 0 then return {{-1}} end
{_DROP_EXPIRED}
local watched = redis.call('HGET', KEYS[1], 'watched')
local was_watched = watched and tonumber(clock[1]) < tonumber(watched)
redis.call('HSET', KEYS[1], 'watched', string.format('%.0f', clock[1] + ARGV[1]), 'channel', ARGV[2])
return {{tonumber(state[1]), tonumber(state[2]), was_watched and 1 or 0}}
""")

# KEYS map, held -> {version, layout, seat id...}, or {-1} when not primed
SNAPSHOT = Script(f"""
if redis.call('EXISTS', KEYS[1]) == 0 then return {{-1}} end
{_DROP_EXPIRED}
local answer = redis.call('ZRANGE', KEYS[2], 0, -1)
for i = 1, #answer do answer[i] = tonumber(answer[i]) end
table.insert(answer, 1, tonumber(state[2]))
table.insert(answer, 1, tonumber(state[1]))
return answer
""")

# KEYS map, held, seat...; ARGV version, then seat id, reservation, ttl_ms for each seat. Whoever comes second changes
# nothing: holds taken since then must not be overwritten by an older view.
PRIME = Script(
    """
if redis.call('EXISTS', KEYS[1]) == 1 then return end
local clock = redis.call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
for i = 3, #KEYS do
  local at = 2 + (i - 3) * 3
  redis.call('SET', KEYS[i], ARGV[at + 1], 'NX', 'PX', ARGV[at + 2])
  redis.call('ZADD', KEYS[2], now_ms + redis.call('PTTL', KEYS[i]), ARGV[at])
end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'layout', ARGV[1])
redis.call('EXPIRE', KEYS[1], %d)
redis.call('EXPIRE', KEYS[2], %d)
""".replace("%d", str(VERSION_TTL_S))
)

# KEYS run. Asked first on every new connection: a server that was started since, or a replica that took over, may have
# older data, and would give out versions again that others have seen with other maps. So it forgets what it knows of
# showtimes, as if it had come back empty; then each is primed with a version beyond all before.
DETECT_RESTART = Script("""
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
if redis.call('GET', KEYS[1]) == run then return end
local cursor = '0'
repeat
  local found = redis.call('SCAN', cursor, 'MATCH', '{[0-9]*}:*', 'COUNT', 1000)
  for _, key in ipairs(found[2]) do redis.call('UNLINK', key) end
  cursor = found[1]
until cursor == '0'
redis.call('SET', KEYS[1], run)
""")

ALL = (TAKE, EXTEND, RELEASE, BUMP_LAYOUT, VERSION, WATCH, SNAPSHOT, PRIME)
