"""The version of PostgreSQL that the tests run on."""

import os
from pathlib import Path

from reservation.embedded.binaries import OLDEST_POSTGRES, postgres_major, postgres_programs
from tests.api import Connection


async def test_postgresql_has_the_version_given(shared_db: Connection) -> None:
    asked = os.environ.get("POSTGRES_BIN_DIR")
    version = shared_db.get_server_version().major
    assert version == postgres_major(postgres_programs(Path(asked) if asked else None)) >= OLDEST_POSTGRES
