"""What the fixtures in tests/conftest.py promise to the tests."""

import psycopg

from reservation.embedded import Embedded
from tests.conftest import MOST_COUNTED, cloned


def test_a_test_with_a_new_database_begins_with_few_counted_statements(servers: Embedded) -> None:
    """Otherwise PostgreSQL forgets calls in the middle of a test that counts them."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        for number in range(MOST_COUNTED + 1):
            connection.execute(f"set counted.statement_{number} to 1")
        counted = "select count(*) from pg_stat_statements"
        [[before]] = connection.execute(counted)
        with cloned(servers):
            [[after]] = connection.execute(counted)
    assert before > MOST_COUNTED > after
