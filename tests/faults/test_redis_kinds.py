"""A server that is not of the kind that REDIS_URL says fails the start."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from reservation.embedded.binaries import valkey_program
from reservation.embedded.ports import running_on_free_port
from reservation.embedded.processes import ChildServer
from reservation.start_checks import CannotStart
from tests.conftest import StartApi

SENTINEL = "sentinel monitor of-the-tests 127.0.0.1 1 1"


@contextmanager
def running(folder: Path, configuration: str) -> Iterator[str]:
    """Run Valkey with a line of configuration for the duration of the block; gives host and port."""

    def start(port: int) -> ChildServer:
        path = folder / "valkey.conf"
        path.write_text(f'bind 127.0.0.1\nport {port}\ndir "{folder}"\n{configuration}\n')
        return ChildServer(
            [valkey_program(None), path, *(["--sentinel"] if configuration == SENTINEL else [])],
            name="Valkey",
            stop_signals=(signal.SIGTERM,),
            patience_s=10,
            log=folder / "valkey.log",
            cwd=folder,
        )

    with running_on_free_port("Valkey", start, answers, wait_s=30) as port:
        yield f"127.0.0.1:{port}"


def answers(_: ChildServer, port: int) -> bool:
    try:
        with Redis(port=port, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except RedisConnectionError:
        return False


@pytest.mark.parametrize(
    ("configuration", "told"),
    [
        ("cluster-enabled yes", "the server is a node of a cluster: write redis+cluster://"),
        (SENTINEL, "the server is a Sentinel: write redis+sentinel:// and the name of the service"),
    ],
    ids=["cluster", "sentinel"],
)
async def test_a_url_of_one_server_that_leads_to_another_kind_fails_the_start(
    start_api: StartApi, tmp_path: Path, configuration: str, told: str
) -> None:
    with running(tmp_path, configuration) as address, pytest.raises(CannotStart) as refused:
        await start_api(REDIS_URL=f"redis://{address}")
    assert str(refused.value) == f"REDIS_URL: {told}"


async def test_a_server_that_does_not_allow_info_fails_the_start(start_api: StartApi, tmp_path: Path) -> None:
    with (
        running(tmp_path, "user default on nopass ~* &* +@all -info") as address,
        pytest.raises(CannotStart) as refused,
    ):
        await start_api(REDIS_URL=f"redis://{address}")
    assert str(refused.value).startswith("REDIS_URL: the server does not allow INFO to the service: ")
