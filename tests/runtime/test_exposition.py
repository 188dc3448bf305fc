"""The metrics' files of workers that have ended are merged into one."""

from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict

from reservation.runtime import exposition

NO_PID = 2**22 + 1  # above Linux's highest


def test_a_merge_that_is_killed_before_it_deletes_the_file_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = MmapedDict(str(tmp_path / f"counter_{NO_PID}.db"))
    counts.write_value("requests", 3.0, 0.0)
    counts.close()
    with monkeypatch.context() as patched:
        patched.delattr(Path, "unlink")
        with pytest.raises(AttributeError):
            exposition._merge(tmp_path)
    exposition._merge(tmp_path)
    [(_, value, *_)] = MmapedDict.read_all_values_from_file(str(tmp_path / "counter_ended.db"))
    assert value == 3.0
