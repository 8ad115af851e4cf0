"""Results are stored once, found by what one asks for, and only by their tenant: on both databases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf, nan

import msgspec
import pytest

from connectors.database.engine import Role
from connectors.database.found import Page, ResultQuery
from connectors.database.results import search
from connectors.database.rows import row_of
from connectors.database.writing import ResultWriter
from schemas.errors import DatabaseUnavailable, InvalidRequest, RowRefused
from schemas.events import Score
from tests.support.databases import DAY_MS, REQUESTED_AT_MS, database, reading, result, store

START = datetime.fromtimestamp(REQUESTED_AT_MS / 1000, UTC)


@dataclass(frozen=True)
class Seeker:
    url: str

    async def __call__(self, tenant_id: str = "t1", **query: object) -> Page:
        async with reading(self.url) as reader:
            return await search(reader, tenant_id, ResultQuery(**query))  # type: ignore[arg-type]

    async def numbers(self, tenant_id: str = "t1", **query: object) -> list[int]:
        page = await self(tenant_id, **query)
        return [int(item.request_id.removeprefix("r-")) for item in page.items]


@pytest.fixture
def find(database_url: str) -> Seeker:
    return Seeker(database_url)


async def test_a_stored_result_is_found_as_it_was_sent_without_the_companies_names(find: Seeker) -> None:
    sent = result(7)
    assert await store(find.url, [sent]) == 1

    (found,) = (await find()).items

    kept = {
        name: value
        for name, value in msgspec.structs.asdict(found).items()
        if name in sent.__struct_fields__ and name not in ("requested_at", "completed_at")
    }
    assert kept == {name: getattr(sent, name) for name in kept}
    assert len(kept) == 14
    assert found.requested_at == START
    assert found.completed_at == START + timedelta(milliseconds=40)
    assert found.stored_at.tzinfo is not None
    assert found.companies == 1
    assert "Vietcombank" not in str(found)


async def test_the_first_answer_to_a_result_id_stays(find: Seeker) -> None:
    first, again = result(1, prediction="Consent"), result(1, prediction="Accountability")
    assert await store(find.url, [first, again]) == 1
    assert await store(find.url, [again, result(2)]) == 1

    assert [item.prediction for item in (await find(request_id="r-1")).items] == ["Consent"]


async def test_results_are_found_by_type_label_request_and_time(find: Seeker) -> None:
    await store(
        find.url,
        [
            result(1),
            result(2, model_type="regional", prediction="Northern", requested_at_ms=REQUESTED_AT_MS + 1),
            result(3, prediction="Consent", requested_at_ms=REQUESTED_AT_MS + 40 * DAY_MS),
        ],
    )
    assert await find.numbers() == [3, 2, 1]
    assert await find.numbers(model_type="regional") == [2]
    assert await find.numbers(label="Consent") == [3]
    assert await find.numbers(label="consent") == []
    assert await find.numbers(request_id="r-1") == [1]
    assert await find.numbers(since=START, until=START + timedelta(milliseconds=1)) == [1]
    assert await find.numbers(since=START + timedelta(days=1)) == [3]
    assert await find.numbers(until=START) == []


async def test_pages_hold_every_result_once_also_while_results_come_in(find: Seeker) -> None:
    # The same moment for several: the place between them is the result id's.
    await store(
        find.url, [result(number, requested_at_ms=REQUESTED_AT_MS + number // 4) for number in range(25)]
    )

    seen: list[str] = []
    page = await find(limit=10)
    while True:
        seen += [item.request_id for item in page.items]
        if page.next_cursor is None:
            break
        assert len(page.items) == 10
        await store(find.url, [result(100 + len(seen), requested_at_ms=REQUESTED_AT_MS + 1000)])
        page = await find(limit=10, cursor=page.next_cursor)

    assert sorted(seen) == sorted(f"r-{number}" for number in range(25))


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "ệ", "_" * 32])
async def test_a_cursor_that_is_none_is_refused(find: Seeker, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await find(cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 1_001])
async def test_a_page_has_a_size(find: Seeker, limit: int) -> None:
    with pytest.raises(InvalidRequest):
        await find(limit=limit)


@pytest.mark.parametrize("field", ["request_id", "label", "model_type"])
async def test_a_name_that_no_database_can_look_for_is_refused(find: Seeker, field: str) -> None:
    with pytest.raises(InvalidRequest):
        await find(**{field: "nul\x00"})


async def test_one_tenant_never_finds_what_is_another_tenants(find: Seeker) -> None:
    await store(find.url, [result(1, tenant_id="t1"), result(1, tenant_id="t2"), result(2, tenant_id="t2")])
    assert await find.numbers("t1") == [1]
    assert await find.numbers("t2", request_id="r-2") == [2]
    assert await find.numbers("t1", request_id="r-2") == []
    assert await find.numbers("t3") == []


@pytest.mark.parametrize(
    "bad",
    [
        result(9, confidence=1.5),
        result(9, confidence=nan),
        result(9, confidence=-inf),
        result(9, scores=(Score(0, "Consent", nan),)),
        result(9, tenant_id=""),
        result(9, tenant_id="t" * 129),
        result(9, requested_at_ms=2**62),
        msgspec.structs.replace(result(9), result_id="no-uuid"),
        msgspec.structs.replace(result(9), request_id="nul\x00"),
    ],
    ids=lambda bad: "",
)
async def test_a_row_that_cannot_be_kept_takes_its_batch_back_and_is_named(find: Seeker, bad: object) -> None:
    with pytest.raises(RowRefused) as refused:
        await store(find.url, [result(1), bad])  # type: ignore[list-item]
    assert "khách hàng" not in str(refused.value)
    assert await find.numbers() == []


@pytest.mark.parametrize(
    "bad",
    [
        msgspec.structs.replace(result(9), normalized_text="nul\x00"),
        msgspec.structs.replace(result(9), category_id=2**31 - 1, tokens=2**40),
        result(9, requested_at_ms=REQUESTED_AT_MS + 3_650 * DAY_MS),
        result(9, requested_at_ms=1),
    ],
    ids=["text", "number", "future", "past"],
)
async def test_postgres_refuses_what_it_has_no_place_for(postgres_database: str, bad: object) -> None:
    with pytest.raises(RowRefused) as refused:
        await store(postgres_database, [result(1), bad])  # type: ignore[list-item]
    assert "khách hàng" not in str(refused.value)
    assert await store(postgres_database, [result(1)]) == 1


async def test_after_a_refusal_the_same_connection_goes_on(find: Seeker) -> None:
    async with database(find.url, Role.SINK) as sink:
        writer = ResultWriter(sink)
        with pytest.raises(RowRefused):
            await writer.write([row_of(result(1)), row_of(result(2, confidence=2.0))])
        assert await writer.write([row_of(result(1))]) == 1
        assert await writer.write([row_of(result(1)), row_of(result(3))]) == 1


async def test_a_locked_sqlite_file_is_waited_for(sqlite_database: str) -> None:
    import sqlite3

    holder = sqlite3.connect(sqlite_database.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    async with database(sqlite_database, Role.SINK, statement_timeout_s=0.2) as sink:
        with pytest.raises(DatabaseUnavailable):
            await ResultWriter(sink).write([row_of(result(1))])
        holder.execute("ROLLBACK")
        assert await ResultWriter(sink).write([row_of(result(1))]) == 1
    holder.close()
