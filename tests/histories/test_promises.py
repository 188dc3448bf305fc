"""docs/contributor/promises.md names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_promises_name_exists() -> None:
    named = re.findall(r"`(test_\w+)`", (ROOT / "docs/contributor/promises.md").read_text())
    texts = "".join(path.read_text() for path in sorted((ROOT / "tests").rglob("test_*.py")))
    assert len(named) > 30
    assert [name for name in named if f"def {name}(" not in texts] == []
