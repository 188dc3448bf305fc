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


def read_source(path: str, folder: Path = FOLDER) -> str:
    """The source of a script of a folder with all that it includes."""
    own = (folder / f"{path}.lua").read_text("utf-8")
    return _INCLUDE.sub(lambda line: read_source(f"include/{line[1]}", folder), own)


TAKE = Script(read_source("take"))
TAKE_FOR_ADDRESS = Script(read_source("take_for_address"))
EXTEND = Script(read_source("extend"))
RELEASE = Script(read_source("release"))
UNDO_TAKE = Script(read_source("undo_take"))
HAND_OVER = Script(read_source("hand_over"))
BUMP_LAYOUT = Script(read_source("bump_layout"))
VERSION = Script(read_source("version"), shared=True)
WATCH = Script(read_source("watch"))
SNAPSHOT = Script(read_source("snapshot"))
PRIME = Script(read_source("prime"))
PRIME_UNREAD = Script(read_source("prime_unread"))
KEPT_SINCE = Script(read_source("kept_since"))
DETECT_RESTART = Script(read_source("detect_restart"))
FORGET = Script(read_source("forget"))
DETECT_RESTORE = Script(read_source("detect_restore"))
CHECK_WRITABLE = Script(read_source("check_writable"))
COUNT = Script(read_source("count"))
