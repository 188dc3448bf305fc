"""What redis+sentinel:// says; tests/ha has real Sentinels."""

from typing import Any

from reservation.runtime.redis_sentinel import sentinel_pool


def hosts(url: str) -> list[tuple[str, int]]:
    found = (sentinel.connection_pool.connection_kwargs for sentinel in sentinel_pool(url).sentinel_manager.sentinels)
    return [(each["host"], each["port"]) for each in found]


def test_a_sentinel_without_a_port_has_sentinels_own() -> None:
    assert hosts("redis+sentinel://h1:5000,h2,[::1]:6000/service") == [("h1", 5000), ("h2", 26379), ("::1", 6000)]


async def test_the_login_is_that_of_redis_and_sentinel_has_its_own() -> None:
    url = "redis+sentinel://user:p%40w@h1,h2/service?db=3&sentinel_username=s&sentinel_password=t&socket_timeout=4"
    pool: Any = sentinel_pool(url)
    assert pool.service_name == "service"
    master = pool.make_connection()
    assert (master.username, master.password, master.db, master.socket_timeout) == ("user", "p@w", 3, 4.0)
    of_sentinel = pool.sentinel_manager.sentinels[0].connection_pool.connection_kwargs
    assert (of_sentinel["username"], of_sentinel["password"], of_sentinel["db"]) == ("s", "t", 0)


async def test_tls_is_used_for_redis_and_sentinel() -> None:
    pool: Any = sentinel_pool("rediss+sentinel://h1/service?ssl_check_hostname=false&ssl_cert_reqs=none")
    for made in (pool.make_connection(), pool.sentinel_manager.sentinels[0].connection_pool.make_connection()):
        assert made.ssl_context is not None
