"""Programs that some tests need and a machine may lack: such tests skip, or fail where HA_REQUIRED is yes."""

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

SYSTEM_FOLDERS = f"{os.defpath}:/usr/sbin:/sbin"


def program(name: str, *, package: str) -> str:
    """The path of a program of the environment or the system; without it the test skips or fails."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    return found or shutil.which(name, path=SYSTEM_FOLDERS) or missing(f"there is no {name}: {package} has it")


def missing(reason: str) -> NoReturn:
    """Skip the test; where HA_REQUIRED is yes, fail it."""
    if os.environ.get("HA_REQUIRED") == "yes":
        pytest.fail(reason)
    pytest.skip(reason)
