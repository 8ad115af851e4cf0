"""The barrage: every kind of bad input at one worker while others go on asking, and what came of it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from connectors.publishing.publisher import Publisher
from connectors.publishing.replies import ReplyReader
from schemas import base64url
from schemas.events import ClassificationRequest, ClassificationResult
from schemas.headers import AUTHORIZATION
from schemas.reply import ReplyAddress, reply_of_claim
from tests.support.bad_input_case import Case
from tests.support.bad_input_claims import ADDRESSES, CLAIMS, COPIES
from tests.support.bad_input_producer import RawBatch, RawProducer, Stored
from tests.support.bad_input_records import (
    CLASSIFY,
    MODEL_TYPE,
    NEIGHBOURS,
    OTHER_REPLIES,
    REPLIES,
    TEXT,
    TOPIC,
    Draft,
    Sent,
    write_issuers,
)
from tests.support.bad_input_values import COMPRESSED, CONTENT, HEADERS, ODD_BUT_GOOD, VALUES
from tests.support.bad_input_watch import Letter, Reply, Watch, watching
from tests.support.processes import Process, children_of, run_veriaidpo
from tests.support.waiting import eventually

CASES: Mapping[str, Case] = {
    **VALUES,
    **HEADERS,
    **CLAIMS,
    **CONTENT,
    **COPIES,
    **ADDRESSES,
    **COMPRESSED,
    **ODD_BUT_GOOD,
}
TWICE, COMMITTED, ABORTED = "published twice", "in a committed transaction", "in an aborted transaction"
GOOD = ODD_BUT_GOOD["nothing special"]
WAVES = 3
RECORDS_PER_S = 60.0
NEIGHBOURS_PER_S = 20.0
NEIGHBOURS_PARTITION = 1
OTHER_MODEL_TYPE = "regional"
STALL_TIMEOUT_S = 4.0
"""Of the worker's watchdog, 30 s in earnest: so one that sees a lag where there is none is found out."""
TIMEOUT_S = 30.0
PARTITIONS = 4


@dataclass(frozen=True)
class Outcome:
    """One record, and all that came of it."""

    sent: Sent
    stored: Stored
    signed: ReplyAddress | None
    letters: Sequence[Letter]
    results: Sequence[ClassificationResult]
    replies: Sequence[Reply]
    """Those at the signed address."""


@dataclass(frozen=True)
class Facts:
    """The worker's processes (itself, and its children: one holds the models) before and after; its end."""

    pids_before: Sequence[int]
    pids_after: Sequence[int]
    exit_code: int
    output: str


@dataclass(frozen=True)
class Barrage:
    """`outcomes` by the case's name, one for each wave; `replies` are all, by correlation id."""

    outcomes: Mapping[str, Sequence[Outcome]]
    replies: Mapping[bytes, Sequence[Reply]]
    neighbours_s: Sequence[float]
    """From publishing to the result, of those who went on asking."""
    worker: Facts


@dataclass(frozen=True)
class Bad:
    """A record ready to be sent: made before, so that making it slows nobody's answer."""

    name: str
    case: Case
    request_id: str
    sent: Sent
    batch: RawBatch

    @classmethod
    def of(cls, name: str, case: Case, run: str) -> Bad:
        request_id = f"{name}, {run}"
        return cls.of_sent(name, case, request_id, case.make(Draft.of(request_id)))

    @classmethod
    def of_sent(cls, name: str, case: Case, request_id: str, sent: Sent) -> Bad:
        batch = RawBatch(sent)
        assert batch.data  # made here
        return cls(name, case, request_id, sent, batch)


async def run_barrage(bootstrap_servers: str, folder: Path) -> Barrage:
    """Takes some twenty seconds, the worker's start and end among them. The topics have been made."""
    run = uuid4().hex[:8]
    bad = [Bad.of(name, case, f"{run}-{wave}") for wave in range(WAVES) for name, case in CASES.items()]
    random.Random(0).shuffle(bad)
    first = Bad.of(TWICE, GOOD, run)
    bad += [first, Bad.of_sent(TWICE, GOOD, first.request_id, first.sent)]
    async with (
        watching(bootstrap_servers, [REPLIES, OTHER_REPLIES]) as watch,
        _worker(bootstrap_servers, folder) as worker,
        RawProducer(bootstrap_servers) as producer,
    ):
        before = _pids(worker)
        async with _neighbours(bootstrap_servers, run) as neighbours_s:
            fired = [one async for one in _fire(producer, bad)]
            fired += await _in_transactions(bootstrap_servers, run)
            await _all_came(watch, fired)
            await _those_behind_came(producer, watch, run)
        await _in_transactions(bootstrap_servers, f"{run}-last")
        await asyncio.sleep(1.25 * STALL_TIMEOUT_S)  # only an aborted record and a marker are left: no lag
        after = _pids(worker)
        worker.terminate()
        facts = Facts(before, after, await worker.wait(), worker.output)
        return Barrage(_outcomes(watch, fired), dict(watch.replies), neighbours_s, facts)


@asynccontextmanager
async def _worker(bootstrap_servers: str, folder: Path) -> AsyncIterator[Process]:
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "VERIAIDPO_ISSUERS_FILE": str(write_issuers(folder / "issuers.json")),
        "VERIAIDPO_WORKER__DELIVERY__STALL_TIMEOUT_S": str(STALL_TIMEOUT_S),
    }
    command = ["worker", "--models", f"{MODEL_TYPE},{OTHER_MODEL_TYPE}", "--engine", "constant"]
    async with run_veriaidpo(command, folder, env=settings) as process:
        await process.wait_for_line("worker ready", TIMEOUT_S)
        yield process


def _pids(worker: Process) -> list[int]:
    return [worker.pid, *sorted(children_of(worker.pid))] if worker.returncode is None else []


async def _fire(producer: RawProducer, bad: Sequence[Bad]) -> AsyncIterator[tuple[Bad, Stored]]:
    begun = time.perf_counter()
    for number, one in enumerate(bad):
        await asyncio.sleep(max(0.0, begun + number / RECORDS_PER_S - time.perf_counter()))
        yield one, await producer.send(one.batch, TOPIC, number % PARTITIONS)


async def _in_transactions(bootstrap_servers: str, run: str) -> list[tuple[Bad, Stored]]:
    """A publisher that commits one record and aborts one, behind each other on one partition."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, transactional_id=f"publisher-{run}")
    await producer.start()
    fired: list[tuple[Bad, Stored]] = []
    try:
        for name, end in ((COMMITTED, producer.commit_transaction), (ABORTED, producer.abort_transaction)):
            bad = Bad.of(name, GOOD, run)
            await producer.begin_transaction()
            at = await producer.send_and_wait(
                TOPIC, bad.sent.value, key=bad.sent.key, headers=list(bad.sent.headers), partition=0
            )
            await end()
            fired.append((bad, Stored(at.partition, at.offset, at.timestamp, b"")))
    finally:
        await producer.stop()
    return fired


@asynccontextmanager
async def _neighbours(bootstrap_servers: str, run: str) -> AsyncIterator[list[float]]:
    """Other tenants ask on, on the same topic and on another, while the block runs: their seconds."""
    seconds: list[float] = []
    done = asyncio.Event()
    async with (
        Publisher(bootstrap_servers, NEIGHBOURS, source="//neighbours") as publisher,
        ReplyReader(bootstrap_servers, REPLIES, NEIGHBOURS_PARTITION) as replies,
        asyncio.TaskGroup() as asking,
    ):

        async def ask(number: int) -> None:
            model_type = (MODEL_TYPE, OTHER_MODEL_TYPE)[number % 2]
            request_id = f"neighbour-{run}-{number}"
            request = ClassificationRequest(request_id, f"neighbour-{number % 5}", model_type, "vi", TEXT)
            reply = replies.address(request_id.encode())
            with replies.expect(reply.correlation_id) as answer:
                asked = time.perf_counter()
                await publisher.send(
                    request, subject="user-2", role="dpo", permissions=[CLASSIFY], reply=reply
                )
                await asyncio.wait_for(answer, TIMEOUT_S)
                seconds.append(time.perf_counter() - asked)

        async def go_on() -> None:
            number, due = 0, time.perf_counter()
            while not done.is_set():
                asking.create_task(ask(number))
                number, due = number + 1, due + 1 / NEIGHBOURS_PER_S
                await asyncio.sleep(max(0.0, due - time.perf_counter()))

        asking.create_task(go_on())
        try:
            yield seconds
        finally:
            done.set()


async def _all_came(watch: Watch, fired: Sequence[tuple[Bad, Stored]]) -> None:
    """Or not: then the tests say what is missing."""

    def missing() -> list[str]:
        return [
            bad.name
            for bad, stored in fired
            if bad.name != ABORTED and not _is_complete(bad.case, _outcome(watch, bad, stored))
        ]

    try:
        await eventually(lambda: not missing(), TIMEOUT_S, what="all came", interval_s=0.1)
    except AssertionError:
        print("missing:", sorted(missing()))


def _is_complete(case: Case, outcome: Outcome) -> bool:
    return bool(
        (outcome.letters or not case.code)
        and (outcome.results or not case.result)
        and (outcome.replies or not case.reply)
    )


async def _those_behind_came(producer: RawProducer, watch: Watch, run: str) -> None:
    """A good record behind the others on each partition: what hasn't come by then doesn't come any more."""
    behind = [Bad.of("behind the others", GOOD, f"{run}-{partition}") for partition in range(PARTITIONS)]
    for partition, one in enumerate(behind):
        await producer.send(one.batch, TOPIC, partition)
    await eventually(
        lambda: all(watch.replies.get(one.request_id.encode()) for one in behind),
        TIMEOUT_S,
        what="those behind",
    )


def _outcomes(watch: Watch, fired: Sequence[tuple[Bad, Stored]]) -> dict[str, list[Outcome]]:
    outcomes: dict[str, list[Outcome]] = {}
    for bad, stored in fired:
        outcomes.setdefault(bad.name, []).append(_outcome(watch, bad, stored))
    return outcomes


def _outcome(watch: Watch, bad: Bad, stored: Stored) -> Outcome:
    signed = _signed_address(bad.sent)
    replies = watch.replies.get(signed.correlation_id, []) if signed else []
    return Outcome(
        bad.sent,
        stored,
        signed,
        watch.letters.get((TOPIC, stored.partition, stored.offset), []),
        watch.results.get(bad.request_id, []),
        [reply for reply in replies if reply.address == signed],
    )


def _signed_address(sent: Sent) -> ReplyAddress | None:
    """The address in the token, whoever has signed it; None where there is no token that has one."""
    token = next((value for name, value in sent.headers if name == AUTHORIZATION), None)
    try:
        reply = json.loads(base64url.decode((token or b"").split(b".")[1]))["reply"]
        return None if reply is None else reply_of_claim(reply)
    except (IndexError, KeyError, TypeError, ValueError):
        return None
