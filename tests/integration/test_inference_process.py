"""The inference process with real children, real pipes and real signals."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from schemas.errors import Internal, ModelUnavailable, UnknownModelType
from schemas.taxonomy import MODEL_TYPES
from streams.inference.backlog import POISON_DEATHS
from streams.inference.process import InferenceProcess
from streams.inference.protocol import BATCHES_AT_ONCE, Classification, Item, ItemFailure, Outcome
from streams.inference.spawn import Child, ChildCommand, constant_child
from tests.support import faulty_child
from tests.support.processes import is_running
from tests.support.waiting import eventually

ITEM = Item("principles", "Khách hàng yêu cầu xóa dữ liệu.")
SLOW = Item("principles", faulty_child.SLOW)


class Faulty:
    """Starts inference processes whose children misbehave on command; ends them with the test."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self._folder = folder
        self._stack = stack

    async def start(
        self, *, batch_limit_s: float = 30.0, batch_tokens: int = 2048, batch_items: int = 128
    ) -> InferenceProcess:
        command = ChildCommand((faulty_child.__file__, str(self._folder)))
        process = InferenceProcess(
            command, batch_limit_s=batch_limit_s, batch_tokens=batch_tokens, batch_items=batch_items
        )
        return await self._stack.enter_async_context(process)

    @property
    def batches(self) -> list[tuple[int, int]]:
        return faulty_child.batches(self._folder)

    async def begins(self, batches: int) -> None:
        """Wait until a child has begun to compute that many batches."""
        await eventually(
            lambda: len(self.batches) >= batches, what=f"{batches} batches begin", interval_s=0.01
        )


@pytest.fixture
async def faulty(tmp_path: Path) -> AsyncIterator[Faulty]:
    async with AsyncExitStack() as stack:
        yield Faulty(tmp_path, stack)


def kill(process: InferenceProcess) -> int:
    assert process.pid is not None
    pid = process.pid
    os.kill(pid, signal.SIGKILL)
    return pid


def computes_after(process: InferenceProcess, restarts: int) -> bool:
    return process.restarts == restarts and process.busy_since is not None


def all_classified(answers: Sequence[object]) -> bool:
    return all(isinstance(answer, Classification) for answer in answers)


async def test_child_names_its_models_and_answers_every_model_type() -> None:
    async with InferenceProcess(constant_child()) as process:
        assert list(process.models) == list(MODEL_TYPES)
        answers = await process.classify([Item(name, "Một câu.") for name in MODEL_TYPES])
    for model_type, answer in zip(MODEL_TYPES.values(), answers, strict=True):
        assert isinstance(answer, Classification)
        assert len(answer.scores) == len(model_type.labels)


async def test_what_the_child_answers_is_told_once_with_its_items() -> None:
    told: list[tuple[Item, Outcome]] = []

    def on_results(items: Sequence[Item], outcomes: Sequence[Outcome]) -> None:
        told.extend(zip(items, outcomes, strict=True))

    unknown = Item("astrology", "x")
    async with InferenceProcess(constant_child(), on_results=on_results) as process:
        await process.classify([ITEM, unknown])
    (first, found), (second, failure) = told
    assert (first, second) == (ITEM, unknown)
    assert isinstance(found, Classification)
    assert isinstance(failure, ItemFailure)


async def test_no_items_have_no_answers() -> None:
    async with InferenceProcess(constant_child()) as process:
        assert await process.classify([]) == []


async def test_unknown_model_type_and_unsendable_text_fail_alone() -> None:
    async with InferenceProcess(constant_child()) as process:
        unknown, unsendable, fine = await process.classify(
            [Item("astrology", "x"), Item("principles", "\ud800"), ITEM]
        )
    assert isinstance(unknown, UnknownModelType)
    assert "principles" in unknown.text
    assert isinstance(unsendable, Internal)
    assert isinstance(fine, Classification)


async def test_an_item_that_raises_in_the_engine_fails_alone(faulty: Faulty) -> None:
    process = await faulty.start()
    items = [ITEM] * 5 + [Item("principles", faulty_child.RAISE)] + [ITEM] * 4
    answers = await process.classify(items)
    bad = answers.pop(5)
    assert isinstance(bad, Internal)
    assert bad.details == {"exception": "LookupError"}
    assert all_classified(answers)
    assert process.restarts == 0


async def test_what_a_library_prints_does_not_disturb_the_frames(faulty: Faulty) -> None:
    process = await faulty.start()
    assert all_classified([*await process.classify([Item("principles", faulty_child.PRINT)])])
    assert process.restarts == 0


async def test_calls_that_wait_together_go_in_one_batch_up_to_its_limit(faulty: Faulty) -> None:
    process = await faulty.start(batch_items=8)
    first = asyncio.create_task(process.classify([SLOW]))
    await faulty.begins(1)
    others = [asyncio.create_task(process.classify([ITEM] * 3)) for _ in range(5)]
    assert all_classified([answer for call in await asyncio.gather(*others) for answer in call])
    await first
    assert [items for _, items in faulty.batches] == [1, 8, 7]


async def test_a_lone_text_is_not_held_back_when_the_child_is_idle(faulty: Faulty) -> None:
    process = await faulty.start()
    await process.classify([ITEM])
    await process.classify([ITEM])
    assert [items for _, items in faulty.batches] == [1, 1]


async def test_a_lone_text_does_not_wait_behind_another_batch_that_computes(faulty: Faulty) -> None:
    process = await faulty.start()
    slow = asyncio.create_task(process.classify([Item("principles", faulty_child.HANG)]))
    await faulty.begins(1)
    assert all_classified(await process.classify([ITEM]))
    assert not slow.done()
    slow.cancel()


async def test_cancelled_call_gives_up_what_still_waits(faulty: Faulty) -> None:
    process = await faulty.start()
    first = asyncio.create_task(process.classify([SLOW]))
    await faulty.begins(1)
    second = asyncio.create_task(process.classify([SLOW]))
    await faulty.begins(BATCHES_AT_ONCE)
    cancelled = asyncio.create_task(process.classify([SLOW] * 50))
    last = asyncio.create_task(process.classify([ITEM] * 2))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert all_classified([*await first, *await second, *await last])
    assert [items for _, items in faulty.batches] == [1, 1, 2]
    assert cancelled.cancelled()


async def test_cancelled_call_in_mid_batch_disturbs_nobody(faulty: Faulty) -> None:
    process = await faulty.start()
    cancelled = asyncio.create_task(process.classify([SLOW]))
    await faulty.begins(1)
    cancelled.cancel()
    assert all_classified(await process.classify([ITEM]))
    assert process.restarts == 0


async def test_child_killed_in_mid_batch_is_replaced_and_nothing_is_lost(faulty: Faulty) -> None:
    process = await faulty.start(batch_items=4)
    calls = [asyncio.create_task(process.classify([SLOW, ITEM, ITEM])) for _ in range(4)]
    await faulty.begins(1)
    dead = kill(process)
    assert all_classified([answer for call in await asyncio.gather(*calls) for answer in call])
    assert (process.restarts, process.deaths, process.poisoned) == (1, 1, {})
    assert process.pid not in (None, dead)


async def test_child_killed_while_idle_is_replaced_before_anybody_asks(faulty: Faulty) -> None:
    process = await faulty.start()
    dead = kill(process)
    await eventually(lambda: process.pid not in (None, dead), what="a new child")
    assert all_classified(await process.classify([ITEM]))


async def test_repeated_kills_under_load_lose_nothing(faulty: Faulty) -> None:
    process = await faulty.start(batch_items=8)
    calls = [asyncio.create_task(process.classify([SLOW] + [ITEM] * 7)) for _ in range(6)]
    for deaths in range(3):
        await eventually(partial(computes_after, process, deaths), what="the next child computes")
        kill(process)
    answers = [answer for call in await asyncio.gather(*calls) for answer in call]
    assert len(answers) == 48
    assert all_classified(answers)
    assert process.restarts == 3


async def test_a_hang_is_ended_at_its_limit_and_the_batch_tried_again(faulty: Faulty) -> None:
    process = await faulty.start(batch_limit_s=0.5)
    answers = await process.classify([ITEM, Item("principles", faulty_child.HANG_ONCE)])
    assert all_classified(answers)
    assert process.restarts == 1


async def test_garbage_on_the_pipe_ends_the_child_and_loses_nothing(faulty: Faulty) -> None:
    process = await faulty.start()
    assert all_classified([*await process.classify([ITEM, Item("principles", faulty_child.GARBAGE_ONCE)])])
    assert process.restarts == 1


async def test_a_text_that_ends_every_child_is_found_and_all_others_are_answered(faulty: Faulty) -> None:
    process = await faulty.start()
    items = [ITEM] * 7
    items[4] = Item("principles", faulty_child.DIE)
    answers = await process.classify(items)
    poison = answers.pop(4)
    assert isinstance(poison, Internal)
    assert poison.details == {"exception": "InferenceChildDied"}
    assert all_classified(answers)
    assert all_classified(await process.classify([ITEM]))
    assert process.poisoned == {"principles": 1}
    assert process.deaths == process.restarts >= POISON_DEATHS


async def test_busy_tells_a_batch_within_its_limit_from_an_idle_child(faulty: Faulty) -> None:
    process = await faulty.start()
    assert not process.busy
    call = asyncio.create_task(process.classify([SLOW]))
    await faulty.begins(1)
    assert process.busy
    assert process.busy_since is not None
    assert process.busy_since <= time.monotonic()
    await call
    assert process.busy_since is None


async def test_child_that_cannot_load_its_engine_is_unavailable_with_its_reason(tmp_path: Path) -> None:
    command = script(tmp_path, "raise FileNotFoundError('encoder.onnx')")
    async with InferenceProcess(command) as process:
        assert process.unavailable == "FileNotFoundError"
        assert process.pid is None
        (answer,) = await process.classify([ITEM])
    assert isinstance(answer, ModelUnavailable)
    assert answer.retriable
    assert answer.details == {"model_type": "principles", "reason": "FileNotFoundError"}


async def test_child_that_can_load_again_is_available_again(tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    command = script(tmp_path, f"if not pathlib.Path({str(mended)!r}).exists(): raise FileNotFoundError")
    async with InferenceProcess(command) as process:
        assert process.unavailable
        mended.touch()
        await eventually(lambda: process.unavailable is None and process.pid, what="the child starts")
        assert all_classified(await process.classify([ITEM]))


async def test_child_that_dies_at_every_start_is_unavailable_after_a_few(tmp_path: Path) -> None:
    async with InferenceProcess(script(tmp_path, "os._exit(9)")) as process:
        assert process.unavailable == "CHILD_DIED"


async def test_child_that_never_gets_ready_is_given_up_at_the_limit(tmp_path: Path) -> None:
    async with InferenceProcess(script(tmp_path, "time.sleep(600)"), start_limit_s=0.3) as process:
        assert process.unavailable == "START_TIMED_OUT"


async def test_a_fault_on_the_workers_side_reaches_its_owner_and_every_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(self: Child, batch_id: int, items: object) -> None:
        raise ZeroDivisionError

    process = await InferenceProcess(constant_child()).__aenter__()
    monkeypatch.setattr(Child, "send", broken)
    with pytest.raises(ZeroDivisionError):
        await process.classify([ITEM])
    with pytest.raises(ZeroDivisionError):
        await process.wait_failed()
    with pytest.raises(ZeroDivisionError):
        await process.classify([ITEM])
    with pytest.raises(ZeroDivisionError):
        await process.__aexit__(None, None, None)


async def test_leaving_ends_the_child_in_mid_batch_and_answers_who_still_waits(tmp_path: Path) -> None:
    command = ChildCommand((faulty_child.__file__, str(tmp_path)))
    async with InferenceProcess(command) as process:
        call = asyncio.create_task(process.classify([Item("principles", faulty_child.HANG)]))
        await eventually(lambda: faulty_child.batches(tmp_path), what="the batch begins")
        pid = process.pid
    assert pid is not None
    assert not is_running(pid)
    (answer,) = await call
    assert isinstance(answer, ModelUnavailable)


async def test_secrets_of_the_worker_do_not_reach_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "not-for-children")
    monkeypatch.setenv("VERIAIDPO_KAFKA__SASL_PASSWORD", "not-for-children")
    async with InferenceProcess(constant_child()) as process:
        environment = await asyncio.to_thread(Path(f"/proc/{process.pid}/environ").read_bytes)
    assert b"not-for-children" not in environment


def script(folder: Path, load: str) -> ChildCommand:
    """A child whose engine loads as this statement says, and is then the constant one."""
    file = folder / "child.py"
    file.write_text(
        "import os, pathlib, time\n"
        "from streams.inference.child import run_child\n"
        "from streams.inference.constant import ConstantEngine\n"
        "def load():\n"
        f"    {load}\n"
        "    return ConstantEngine()\n"
        "raise SystemExit(run_child(load))\n"
    )
    return ChildCommand((str(file),))
