"""CPU time and memory of process trees, read from /proc."""

import os
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Fields of /proc/<pid>/stat after the command's name, counted from the state.
PARENT, UTIME, CUTIME_END = 1, 11, 15
# Titles of PostgreSQL's own processes; every other child of the postmaster is the backend of a connection.
BACKGROUND = (
    "archiver",
    "autovacuum",
    "background",
    "checkpointer",
    "io worker",
    "logical replication",
    "logger",
    "startup",
    "walwriter",
)


def tree_cpu_s(root: int) -> float:
    """CPU seconds that a process, its children and its ended children have used so far."""
    children: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for pid, fields in _all_stats():
        children.setdefault(int(fields[PARENT]), []).append(pid)
        # Only the parent has the time of ended children, such as PostgreSQL's backends.
        used[pid] = sum(int(ticks) for ticks in fields[UTIME:CUTIME_END])
    return sum(used.get(pid, 0) for pid in _descend(root, children)) / TICKS_PER_S


def postgres_cpu_s(postmaster: int) -> dict[str, float]:
    """CPU seconds of PostgreSQL so far: of its backends, ended ones among them, and of its background processes."""
    background_s = sum(tree_cpu_s(pid) for pid in children_of(postmaster) if is_background(_title(pid)))
    return {"postgresql": tree_cpu_s(postmaster) - background_s, "postgresql background": background_s}


def is_background(title: str) -> bool:
    """Whether a title of a child of the postmaster, such as `postgres: walwriter`, is of a background process."""
    return title.removeprefix("postgres: ").startswith(BACKGROUND)


def own_cpu_s(pid: int) -> float:
    """CPU seconds of one process so far."""
    fields = parse_stat(Path(f"/proc/{pid}/stat").read_text())
    return sum(int(ticks) for ticks in fields[UTIME : UTIME + 2]) / TICKS_PER_S


def children_of(root: int) -> list[int]:
    """The running children of a process."""
    return sorted(pid for pid, fields in _all_stats() if int(fields[PARENT]) == root)


def only_worker(supervisor: int) -> int:
    """The one worker of a service that has served requests; its other child is the background process."""
    [_, worker] = sorted(children_of(supervisor), key=own_cpu_s)
    return worker


def pin_tree(root: int, cpus: Set[int]) -> None:
    """Let a process and its children, with all their threads, run on these CPUs only; so will those they start."""
    children: dict[int, list[int]] = {}
    for pid, fields in _all_stats():
        children.setdefault(int(fields[PARENT]), []).append(pid)
    for pid in _descend(root, children):
        with suppress(OSError):  # it ended meanwhile
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cpus)


def resident_kib(pid: int) -> int:
    """VmRSS of one process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmRSS":
            return int(value.split()[0])
    raise ProcessLookupError(pid)


def parse_stat(text: str) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on; the name before it may contain spaces and brackets."""
    return text.rpartition(")")[2].split()


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
    except OSError:
        return ""  # it ended meanwhile


def _all_stats() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue  # it ended meanwhile
            yield int(entry.name), parse_stat(text)


def _descend(root: int, children: Mapping[int, list[int]]) -> Iterator[int]:
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, [])
