"""Loads the Lua scripts lua/*.lua; each runs atomically, and store.py says what their keys are.

A line `-- include NAME` is replaced by lua/include/NAME.lua, which may include others in turn.
A script may run twice for one call: a caller cannot know whether a command was executed whose connection broke.
"""

import re
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path

FOLDER = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r"^ *-- include (\w+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """A script's text, and the digest by which Redis knows it once it is loaded.

    A `shared` script only reads and has no arguments: its calls for one showtime that go out together are sent once.
    """

    source: str
    shared: bool = False
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", sha1(self.source.encode(), usedforsecurity=False).hexdigest())


def _read(path: str) -> str:
    return _INCLUDE.sub(lambda line: _read(f"include/{line[1]}"), (FOLDER / f"{path}.lua").read_text("utf-8"))


TAKE = Script(_read("take"))
EXTEND = Script(_read("extend"))
RELEASE = Script(_read("release"))
UNDO_TAKE = Script(_read("undo_take"))
BUMP_LAYOUT = Script(_read("bump_layout"))
VERSION = Script(_read("version"), shared=True)
WATCH = Script(_read("watch"))
SNAPSHOT = Script(_read("snapshot"))
PRIME = Script(_read("prime"))
PRIME_UNREAD = Script(_read("prime_unread"))
KEPT_SINCE = Script(_read("kept_since"))
DETECT_RESTART = Script(_read("detect_restart"))
DETECT_RESTORE = Script(_read("detect_restore"))
CHECK_WRITABLE = Script(_read("check_writable"))
