"""Programs that check the files in deploy/."""

import os
import shutil
import sys
from pathlib import Path

import pytest

SYSTEM_FOLDERS = f"{os.defpath}:/usr/sbin:/sbin"


def program(name: str, *, package: str) -> str:
    """The program of the environment or the system; without it the test skips, or fails where HA_REQUIRED is yes."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    found = found or shutil.which(name, path=SYSTEM_FOLDERS)
    if found is None:
        reason = f"there is no {name}: {package} has it"
        if os.environ.get("HA_REQUIRED") == "yes":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
