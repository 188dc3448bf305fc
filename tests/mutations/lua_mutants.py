"""Mutants of the scripts that run in Redis."""

from tests.mutations.mutant import BOOKING, FAULTS, HOLDS, RACES, Mutant


def _lua(name: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(name, f"reservation/holds/lua/{file}.lua", old, new, tests)


LUA_MUTANTS = [
    _lua(
        "a hold takes seats that others hold",
        "include/take_seats",
        "  if holders[i] and holders[i] ~= ARGV[1] then answer[#answer + 1] = tonumber(ARGV[i + 2]) end\n",
        "",
        f"{BOOKING}/test_booking.py",
    ),
    _lua(
        "a hold does not raise the version",
        "take",
        "redis.call('HINCRBY', KEYS[1], 'version', 1)",
        "tonumber(map[1])",
        "tests/seatmap/test_seat_map.py",
    ),
    _lua(
        "an extension shortens",
        "extend",
        "for i = 3, last do ttl_ms = math.max(ttl_ms, redis.call('PTTL', KEYS[i])) end\n",
        "",
        HOLDS,
        f"{BOOKING}/test_extend.py",
    ),
    _lua(
        "an extension takes seats that others hold",
        "extend",
        "  elseif holder ~= ARGV[1] then answer[#answer + 1] = tonumber(ARGV[i]) end\n",
        "  end\n",
        f"{BOOKING}/test_extend.py",
        HOLDS,
    ),
    _lua(
        "a release deletes what others hold",
        "include/release_seats",
        "  if holders[i - 2] == ARGV[1] then\n",
        "  if holders[i - 2] then\n",
        f"{BOOKING}/test_expiry.py",
        HOLDS,
    ),
    _lua(
        "a release does not raise the version",
        "include/release_seats",
        "redis.call('HINCRBY', KEYS[1], 'version', 1)",
        "tonumber(map[1])",
        "tests/seatmap/test_seat_map.py",
    ),
    _lua(
        "a release does not mark what is about to be loaded",
        "include/release_seats",
        "redis.call('SET', KEYS[1] .. ':released:' .. ARGV[1] .. ':' .. ARGV[i], 1, 'PX', 60000)",
        "redis.call('GET', KEYS[1])",
        HOLDS,
        f"{RACES}/test_booking_races.py",
        "tests/seatmap/test_priming.py",
    ),
    _lua(
        "a late undo releases what was taken again",
        "undo_take",
        "if (redis.call('GET', table.remove(KEYS)) or '') ~= table.remove(ARGV) then return end\n",
        "table.remove(KEYS)\ntable.remove(ARGV)\n",
        f"{FAULTS}/test_hold_promises.py",
    ),
    _lua(
        "a loading overwrites what is loaded",
        "prime_unread",
        "if redis.call('EXISTS', KEYS[1]) == 1 then return end\n",
        "",
        HOLDS,
        "tests/holds/test_prime_unread.py",
        "tests/seatmap/test_priming.py",
    ),
    _lua(
        "a hold that is undone gives its seats to none",
        "hand_over",
        "  if holders[i - 2] == ARGV[1] then\n",
        "  if not holders[i - 2] then\n",
        f"{BOOKING}/test_other_holds.py",
    ),
    _lua(
        "a seat that is released does not go to its next hold",
        "include/release_seats",
        "if map[3] then\n",
        "if false then\n",
        f"{BOOKING}/test_other_holds.py",
    ),
    _lua(
        "a loading needs no ticket",
        "prime",
        "if redis.call('GET', KEYS[1] .. ':priming') ~= ARGV[1] then return end\n",
        "",
        HOLDS,
        f"{FAULTS}/test_hold_promises.py",
    ),
    _lua(
        "a loading does not count what was announced before",
        "include/write_prime",
        "ARGV[2] + redis.call('DEL', KEYS[1] .. ':changed')",
        "ARGV[2]",
        f"{BOOKING}/test_first_touch.py",
    ),
    _lua(
        "a first loading does not ask what Redis has kept",
        "prime_unread",
        "if since ~= ARGV[1] or string.match(since, '^%w*') ~= (redis.call('GET', run) or '') then return end\n",
        "",
        HOLDS,
        f"{BOOKING}/test_first_touch.py",
        f"{FAULTS}/test_hold_promises.py",
    ),
    _lua(
        "a restarted Redis keeps its old maps",
        "detect_restart",
        "-- include forget_showtimes\n",
        "",
        f"{FAULTS}/test_restored_redis.py",
    ),
    _lua(
        "a restored PostgreSQL goes unnoticed",
        "detect_restore",
        "tonumber(ARGV[4]) < tonumber(ARGV[2])",
        "false",
        f"{FAULTS}/test_map_recovery.py",
    ),
    _lua(
        "expired holds do not raise the version",
        "include/drop_expired",
        "redis.call('HINCRBY', KEYS[1], 'version', 1)",
        "tonumber(redis.call('HGET', KEYS[1], 'version'))",
        f"{BOOKING}/test_expiry.py",
    ),
]
