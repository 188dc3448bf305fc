"""The servers of tests/ha/redis_cluster.py do what its tests rely on: elections, ASK and MOVED really occur."""

import signal
from collections.abc import Iterator

import pytest
from redis.cluster import RedisCluster as Client
from redis.exceptions import AskError, MovedError, ResponseError, TryAgainError

from tests.ha.redis_cluster import ClusterNode, RedisCluster, running_redis_cluster, slot_of
from tests.ha.redis_nodes import PASSWORD

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with running_redis_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def client_of(cluster: RedisCluster) -> Client:
    return Client(host="127.0.0.1", port=cluster.nodes[0].port, password=PASSWORD, decode_responses=True)


def raised_by(node: ClusterNode, *words: str | int) -> type[ResponseError] | None:
    """The error with which a server answers; None if it succeeds."""
    try:
        with node.client() as client:
            client.execute_command(*words)
    except ResponseError as error:
        return type(error)
    return None


def test_each_slot_has_a_master_with_a_replica(cluster: RedisCluster) -> None:
    masters = cluster.masters()
    assert len(masters) == 3
    assert len({cluster.replica_of(master).port for master in masters} | {each.port for each in masters}) == 6
    with client_of(cluster) as client:
        for number in range(50):
            client.set(f"{{{number}}}:map", number)
            assert client.get(f"{{{number}}}:map") == str(number)
    assert {cluster.master_of_key(f"{{{number}}}:map").port for number in range(50)} == {each.port for each in masters}


def test_a_moving_slot_answers_ask_and_tryagain_and_then_moved(cluster: RedisCluster) -> None:
    keys = ["{7}:a", "{7}:b"]
    source = cluster.master_of_key(keys[0])
    target = next(master for master in cluster.masters() if master is not source)
    with client_of(cluster) as client:
        client.mset_nonatomic(dict.fromkeys(keys, "old"))
        with cluster.moving(slot_of(keys[0]), target) as move_keys:
            assert move_keys(1) == 1
            answers = {raised_by(source, "GET", key) for key in keys}
            assert answers == {None, AskError}
            assert raised_by(source, "MGET", *keys) is TryAgainError
            assert [client.get(key) for key in keys] == ["old", "old"]
        assert raised_by(source, "GET", keys[0]) is MovedError
        assert cluster.errors("ASK") >= 1
        assert cluster.errors("TRYAGAIN", "MOVED") >= 2
        assert [client.get(key) for key in keys] == ["old", "old"]
    cluster.move_slot(slot_of(keys[0]), source)
    assert cluster.master_of_key(keys[0]) is source


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["kill", "stop"])
def test_a_master_that_fails_is_replaced_by_its_replica(cluster: RedisCluster, fault: signal.Signals) -> None:
    key = "{8}:map"
    old = cluster.master_of_key(key)
    replica = cluster.replica_of(old)
    with client_of(cluster) as client:
        client.set(key, "kept")
        client.wait(1, 1000, target_nodes=client.get_node_from_key(key))
        old.send_signal(fault)
        cluster.wait_until_replaced(key, old)
        if fault == signal.SIGKILL:
            old.start()
        else:
            old.send_signal(signal.SIGCONT)
        cluster.until_healthy()
        assert cluster.master_of_key(key) is replica
        assert client.get(key) == "kept"
    assert cluster.replica_of(replica) is old


def test_an_operator_exchanges_a_master_and_its_replica(cluster: RedisCluster) -> None:
    old = cluster.master_of_key("{9}:map")
    replica = cluster.replica_of(old)
    cluster.fail_over(old)
    cluster.wait_until_replaced("{9}:map", old)
    cluster.until_healthy()
    assert cluster.master_of_key("{9}:map") is replica
