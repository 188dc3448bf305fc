"""What a worker makes of CLUSTER NODES: of each slot it takes the claim with the highest configuration epoch."""

from functools import partial

import pytest
from redis._parsers.helpers import parse_cluster_nodes
from redis.asyncio.connection import SSLConnection
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.exceptions import RedisError

from reservation.runtime.redis_client import is_away
from reservation.runtime.redis_cluster import ClusterNodes, cluster_client, read_answer, slot_of
from tests.ports import free_port

A, B, C = ("10.0.0.1", 7001), ("10.0.0.2", 7002), ("10.0.0.3", 7003)
OLD = """\
aaa 10.0.0.1:7001@17001,a.test myself,master - 0 0 1 connected 0-8191
bbb 10.0.0.2:7002@17002,b.test master - 0 0 2 connected 8192-16383 [8192->-aaa]
ccc 10.0.0.3:7003@17003,c.test slave aaa 0 0 1 connected
"""
NEW = """\
aaa 10.0.0.1:7001@17001,a.test master,fail - 0 0 1 disconnected
bbb 10.0.0.2:7002@17002,b.test myself,master - 0 0 2 connected 8192-16383
ccc 10.0.0.3:7003@17003,c.test master - 0 0 3 connected 0-8191
"""


def learn(nodes: ClusterNodes, *texts: str, uses_tls: bool = False) -> None:
    """As if some nodes had answered this to CLUSTER NODES."""
    nodes.learn([read_answer(parse_cluster_nodes(text), A, uses_tls=uses_tls) for text in texts])


def test_the_claim_with_the_highest_epoch_counts() -> None:
    nodes, changes = ClusterNodes([A, B], {}), list[int]()
    nodes.on_changed.append(lambda: changes.append(1))
    learn(nodes, OLD, OLD)
    assert (nodes.owners[0], nodes.owners[8191], nodes.owners[8192], nodes.owners[-1]) == (A, A, B, B)
    assert nodes.open_slots == {8192}
    learn(nodes, NEW, OLD)  # of A, which is cut off from the others, and knows nothing of its successor
    assert (nodes.owners[0], nodes.owners[8191], nodes.owners[8192], nodes.owners[-1]) == (C, C, B, B)
    assert nodes.masters.keys() == {B, C}
    learn(nodes, NEW)
    assert len(changes) == 2


def test_a_master_that_the_nodes_agree_has_failed_has_no_slots() -> None:
    nodes = ClusterNodes([A], {})
    learn(nodes, NEW.replace("ccc 10.0.0.3:7003@17003,c.test master", "ccc 10.0.0.3:7003@17003,c.test master,fail"))
    assert (nodes.owners[0], nodes.owners[-1]) == (None, B)
    assert nodes.masters.keys() == {B}


def test_each_master_has_the_lowest_number_whose_slot_is_its_own() -> None:
    nodes = ClusterNodes([A], {})
    learn(nodes, OLD)
    for address, master in nodes.masters.items():
        assert nodes.owners[slot_of(str(master.tag))] == address
        assert all(nodes.owners[slot_of(str(lower))] != address for lower in range(master.tag))


async def test_moved_is_followed_to_a_known_master_only() -> None:
    nodes = ClusterNodes([A], {})
    learn(nodes, OLD)
    assert nodes.move(5, B)
    assert nodes.owners[5] == B
    assert not nodes.move(6, C)
    assert nodes.owners[6] == A
    await nodes.stop()


def test_with_tls_nodes_are_known_by_name() -> None:
    nodes = ClusterNodes([A], {})
    learn(nodes, OLD, uses_tls=True)
    assert nodes.masters.keys() == {("a.test", 7001), ("b.test", 7002)}


async def test_nodes_that_cannot_be_connected_to_are_away() -> None:
    client = cluster_client(f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}", decode_responses=True)
    for ask in (client.nodes.refresh, partial(client.execute_command, "PING")):
        with pytest.raises(RedisError) as raised:
            await ask()
        assert is_away(raised.value)
    assert client.nodes.owners == [None] * SLOTS
    await client.aclose()


async def test_the_url_names_nodes_and_the_options_of_all() -> None:
    client = cluster_client("rediss+cluster://user:p%40ss@h1:7001,h2?socket_timeout=1", decode_responses=True)
    pool = client.nodes.pool(("h3", 7003))
    assert {node.name for node in client.startup_nodes} == {"h1:7001", "h2:6379"}
    wanted = {"host": "h3", "port": 7003, "username": "user", "password": "p@ss", "socket_timeout": 1.0}
    assert wanted.items() <= pool.connection_kwargs.items()
    assert pool.connection_class is SSLConnection
