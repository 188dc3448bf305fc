"""Mutants of the loss of Redis, limits, one-time codes and the waiting room."""

from tests.mutations.mutant import BOOKING, FAULTS, Mutant

PASSES, WAITING = "reservation/waiting/passes.py", "reservation/waiting/lua"
ROOM = "tests/waiting/test_room.py"

OTHER_MUTANTS = [
    Mutant(
        "after a loss of Redis's data, PostgreSQL is read at once",
        "reservation/holds/redis_server.py",
        "READ_AFTER_LOSS_S = UNVERIFIED_S + 0.05",
        "READ_AFTER_LOSS_S = 0.0",
        (f"{FAULTS}/test_hold_promises.py",),
    ),
    Mutant(
        "an admission is good for another showtime",
        PASSES,
        "(of_kind, of_showtime, of_user) == (kind, showtime_id, user_id)",
        "(of_kind, of_user) == (kind, user_id)",
        (ROOM, "tests/waiting/test_passes.py"),
    ),
    Mutant(
        "an admission is good for another customer",
        PASSES,
        "(of_kind, of_showtime, of_user) == (kind, showtime_id, user_id)",
        "(of_kind, of_showtime) == (kind, showtime_id)",
        (ROOM, "tests/waiting/test_passes.py"),
    ),
    Mutant(
        "the last of those who wait is admitted first",
        f"{WAITING}/include/pump.lua",
        "redis.call('ZPOPMIN', KEYS[2], due)",
        "redis.call('ZPOPMAX', KEYS[2], due)",
        (ROOM,),
    ),
    Mutant(
        "all who wait are admitted at once",
        f"{WAITING}/include/pump.lua",
        "local due = math.floor((now - given) * per_second / 1000000)",
        "local due = now > given and 1000 or 0",
        (ROOM,),
    ),
    Mutant(
        "those who have left are admitted",
        f"{WAITING}/include/pump.lua",
        "    if seen and tonumber(seen) > alive_since then\n",
        "    if seen or alive_since then\n",
        (ROOM,),
    ),
    Mutant(
        "one who joins again gets another place",
        f"{WAITING}/enter.lua",
        "if not redis.call('ZSCORE', KEYS[2], customer) and not (ends and ends > now) then",
        "if not (ends and ends > now) then",
        (ROOM,),
    ),
    Mutant(
        "the queue ticket of a spent admission keeps its place",
        f"{WAITING}/enter.lua",
        "  if ends and place and place <= ends - ARGV[3] then place = nil end\n",
        "",
        (ROOM,),
    ),
    Mutant(
        "holds of before the cooling-off count",
        "migrations/0055_cooling_off_across_showtimes.sql",
        "                        and r.created_at > cooling_since\n",
        "",
        (f"{BOOKING}/test_cooling_off.py",),
    ),
    Mutant(
        "holds that have ended count towards the limit",
        "migrations/0055_cooling_off_across_showtimes.sql",
        "r.created_at > oldest and r.status = 'held' and r.expires_at > clock_timestamp()",
        "r.created_at > oldest and r.status = 'held'",
        (f"{BOOKING}/test_hold_limits.py",),
    ),
    Mutant(
        "a one-time code is good twice",
        "sql/totp/try_code.sql",
        "coalesce(last_step < $3, false)",
        "coalesce(last_step <= $3, false)",
        ("tests/identity/test_totp.py",),
    ),
    Mutant(
        "a recovery code is good twice",
        "sql/totp/spend_recovery_code.sql",
        " and $2 = any(recovery_hashes)",
        "",
        ("tests/identity/test_totp.py",),
    ),
]
