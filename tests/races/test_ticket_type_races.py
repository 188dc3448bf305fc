"""Changes of ticket types against holds with them, in two workers."""

import asyncio
from typing import Any

from tests.api import Answer, Api, Connection
from tests.conftest import StartApi
from tests.races.test_booking_races import assert_sound

PATH = "/admin/ticket-types"


async def hold_each(apis: list[Api], showtime_id: int, seat_ids: list[int], type_id: int) -> list[Answer]:
    customer = await apis[0].sign_up()
    return await asyncio.gather(
        *(
            apis[place % 2].call(
                "POST",
                f"/showtimes/{showtime_id}/holds",
                {"seats": [{"seat_id": seat_id, "ticket_type_id": type_id}]},
                who=customer,
            )
            for place, seat_id in enumerate(seat_ids)
        )
    )


async def test_holds_during_changes_of_a_price_have_a_price_that_was_valid_then(
    start_api: StartApi, db: Connection, redis_url: str
) -> None:
    """Those that are sent after the last change have the last price; the total of each is that of its seat."""
    apis = [await start_api(), await start_api()]
    cinema, admin = await apis[0].cinema(rows=10), await apis[0].admin()
    child = (await apis[0].make(PATH, {"name": "child", "price_factor": "0.01"}))["id"]

    async def change_price() -> None:
        for cents in range(2, 20):
            body = {"name": "child", "price_factor": f"0.{cents:02}"}
            assert (await apis[0].call("PUT", f"{PATH}/{child}", body, who=admin)).status == 200

    during, _ = await asyncio.gather(hold_each(apis, cinema.showtime_id, cinema.seat_ids[:60], child), change_price())
    after = await hold_each(apis, cinema.showtime_id, cinema.seat_ids[60:70], child)

    assert {answer.status for answer in during + after} == {201}, [each.text for each in during if each.status != 201]
    assert {answer.json["total_price"] for answer in during} <= {f"0.{tens}0" for tens in range(1, 10)} | {
        f"1.{tens}0" for tens in range(10)
    }
    assert {answer.json["total_price"] for answer in after} == {"1.90"}
    await assert_sound(db, redis_url)


async def test_a_deletion_against_the_first_holds_of_a_type_leaves_no_reservation_without_it(
    start_api: StartApi, db: Connection, redis_url: str
) -> None:
    """Either the type is deleted and all holds are refused, or it is in use."""
    apis = [await start_api(), await start_api()]
    cinema, admin = await apis[0].cinema(rows=10), await apis[0].admin()
    seen: set[Any] = set()
    for number in range(10):
        child = (await apis[0].make(PATH, {"name": "child", "price_factor": "0.50"}))["id"]
        wanted = cinema.seat_ids[number * 4 : number * 4 + 4]
        holds, deleted = await asyncio.gather(
            hold_each(apis, cinema.showtime_id, wanted, child),
            apis[number % 2].call("DELETE", f"{PATH}/{child}", who=admin),
        )
        left = await db.fetchval("select count(*) from ticket_types where id = $1", child)
        assert (deleted.status, left) in ((204, 0), (409, 1))
        if deleted.status == 204:
            assert {answer.status for answer in holds} == {422}
        seen.add(deleted.status)
    assert seen
    await assert_sound(db, redis_url)
