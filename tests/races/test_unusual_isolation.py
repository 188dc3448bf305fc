"""The races of booking, accounts and the catalogue in a database whose default isolation is serializable."""

import psycopg
import pytest

from tests.db.test_database_defaults import set_for_database
from tests.identity.test_accounts import test_two_concurrent_demotions_leave_one_admin  # noqa: F401
from tests.races.test_account_races import (  # noqa: F401
    mail_dir,
    test_a_reset_token_used_many_times_at_once_sets_one_password,
    test_of_concurrent_changes_of_a_password_one_wins,
)
from tests.races.test_batches import (  # noqa: F401
    test_a_chain_of_refusals_leaves_no_seat_unsold_that_one_could_have,
    test_each_confirm_of_a_mixed_batch_has_its_own_outcome,
)
from tests.races.test_block_races import test_a_block_finds_a_hold_that_is_being_written  # noqa: F401
from tests.races.test_booking_races import (  # noqa: F401
    test_a_confirm_and_a_cancel_at_once_have_one_outcome,
    test_after_redis_lost_all_holds_each_seat_is_still_sold_once,
    test_of_overlapping_showtimes_created_at_once_one_is_created,
    test_overlapping_seats_in_different_orders_have_one_owner_each,
)
from tests.races.test_seat_changes import (  # noqa: F401
    test_a_chain_of_exchanges_holds_and_cancels_leaves_each_seat_with_one_owner,
    test_a_seat_is_given_up_by_one_of_several_partial_cancels,
)
from tests.races.test_seat_plan_races import test_a_plan_change_waits_for_a_hold_that_is_being_written  # noqa: F401
from tests.races.test_sold_showtimes import (  # noqa: F401
    test_no_hold_or_confirm_outlives_a_showtime_that_is_called_off_meanwhile,
)


@pytest.fixture(autouse=True)
def serializable(database_url: str) -> None:
    """Before the service and the test's own connection are opened."""
    set_for_database(database_url, {"default_transaction_isolation": "serializable"})
    with psycopg.connect(database_url) as connection:
        assert connection.execute("show transaction_isolation").fetchone() == ("serializable",)
