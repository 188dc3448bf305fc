"""Versions of the service: this tree, and trees of other commits, checked out for a run."""

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from .records import BenchmarkFailed

ROOT = Path(__file__).parents[1]
# Figures of the hot path are against this commit, and the peers use its schema.
BASELINE = "530681d"
PACKAGES = "packages"
PRINT_PACKAGE = "import reservation; print(reservation.__file__)"


@dataclass(frozen=True, slots=True)
class Version:
    """A tree of the service; it runs on the installed packages of this one, and on those that it alone needs."""

    name: str
    tree: Path

    def command(self, *arguments: str) -> list[str | Path]:
        """The service's command line."""
        return [sys.executable, "-m", "reservation", *arguments]

    def environment(self) -> Mapping[str, str]:
        """What makes Python import the service from this tree."""
        return {"PYTHONPATH": os.pathsep.join((str(self.tree), str(self.tree / PACKAGES)))}


THIS = Version("this tree", ROOT)


def check_out(revision: str, folder: Path) -> Version:
    """Write the files of a commit into a folder, or find them there; BenchmarkFailed if it is not a commit here."""
    commit = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    if not commit:
        raise BenchmarkFailed(
            f"{revision} is no commit of this repository: git fetch --unshallow, or another --against"
        )
    tree = folder / "versions" / commit
    if not tree.is_dir():
        unfinished = tree.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(_git("archive", "--format=tar", commit))) as archive:
            archive.extractall(unfinished, filter="data")
        _install_missing(unfinished)
        unfinished.rename(tree)
    version = Version(revision, tree)
    _require_import_from(version)
    return version


def _install_missing(tree: Path) -> None:
    """Install the packages that the service had at that commit, and has no more, beside its tree."""
    wanted = tomllib.loads((tree / "pyproject.toml").read_text())["project"]["dependencies"]
    missing = [each for each in wanted if not _is_installed(each)]
    if missing:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tree / PACKAGES)]
        done = subprocess.run([*pip, *missing], check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchmarkFailed(f"packages of an older version could not be installed:\n{done.stderr}")


def _is_installed(requirement: str) -> bool:
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _require_import_from(version: Version) -> None:
    """BenchmarkFailed if Python imports the service from elsewhere, so that a tree is never compared with itself."""
    done = subprocess.run(
        [sys.executable, "-c", PRINT_PACKAGE],
        check=False,
        capture_output=True,
        text=True,
        cwd=version.tree.parent,
        env={**os.environ, **version.environment()},
    )
    if not Path(done.stdout.strip()).is_relative_to(version.tree):
        raise BenchmarkFailed(f"{version.name}: not imported from its tree: {done.stdout}{done.stderr}")


def _git(*arguments: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        raise BenchmarkFailed("git not found: it is needed to check out the commit to compare with")
    return subprocess.run([git, "-C", str(ROOT), *arguments], check=False, capture_output=True).stdout
