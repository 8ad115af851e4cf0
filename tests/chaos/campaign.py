"""One chaos run, from nothing to the closed books."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.rig import sentences
from cli.settings import Settings
from tests.chaos.books import OUTCOMES, REPLIES, read_books
from tests.chaos.fleet import WORKER, Ends, Fleet
from tests.chaos.havoc import DoneFault, Havoc
from tests.chaos.ledger import Answer, Books, Line, balance
from tests.chaos.offline import engine_of, run_offline
from tests.chaos.plan import Plan, schedule
from tests.chaos.publishing import PacedPublisher
from tests.chaos.reading import Follower
from tests.chaos.recovery import Settlement, caught_up_s, settlements
from tests.chaos.settling import Settling
from tests.chaos.stage import Stage
from tests.chaos.traffic import Traffic, traffic_of

SETTLED_WITHIN_S = 90.0
"""How long a run waits for what is still open; what comes later than the ledger allows is a breach anyway."""

CAUGHT_UP_WITHIN_S = 30.0

ORPHANS = "processes left 5 s after the end of their worker"
CAUGHT_UP = "caught up after the last fault"
TERM_CODES = "SIGTERM exit codes that aren't 0"
FAULTS = "planned faults that didn't happen"


@dataclass(frozen=True)
class Report:
    """What a run found. `lines` are the promises; the rest is for the reader."""

    plan: Plan
    lines: Sequence[Line]
    faults: Sequence[tuple[DoneFault, float]]
    """Each with the seconds until what had arrived before it was settled."""
    notes: Sequence[tuple[str, str]]

    @property
    def holds(self) -> bool:
        return all(line.holds for line in self.lines)

    def line(self, name: str) -> Line:
        return next(line for line in self.lines if line.name == name)


async def run_chaos(
    plan: Plan,
    folder: Path,
    *,
    worker: Sequence[str] = WORKER,
    on_event: Callable[[str], None] = lambda _: None,
) -> Report:
    """Run the plan in `folder`, where the processes' logs stay; raises where the run itself is broken."""
    traffic = traffic_of(plan, sentences()[: plan.sentences], REPLIES)
    valid = [item.request for item in traffic if item.way is None]
    engine = engine_of(plan.engine, Settings(mode="development", home=folder).models_dir)
    offline = await asyncio.to_thread(run_offline, valid, engine)
    del engine  # its threads and memory are no part of the run
    rate = plan.paced(offline.rate)
    on_event(f"offline: {offline.rate:.0f} texts a second; the run publishes {rate:.0f} a second")
    async with asyncio.timeout(plan.time_limit_s(rate)), Stage(folder, plan.partitions) as stage:
        return await _Run(plan, rate, stage, traffic, offline.answers, on_event).play(worker)


class _Run:
    def __init__(
        self,
        plan: Plan,
        rate: float,
        stage: Stage,
        traffic: Sequence[Traffic],
        expected: Mapping[str, Answer],
        on_event: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._rate = rate
        self._stage = stage
        self._traffic = traffic
        self._expected = expected
        self._on_event = on_event
        self._correlation_ids = [item.reply.correlation_id for item in traffic if item.reply is not None]

    async def play(self, worker: Sequence[str]) -> Report:
        plan, stage = self._plan, self._stage
        settling = Settling()
        fleet = Fleet(
            plan.workers,
            stage.folder / "workers",
            stage.worker_env,
            options=("--models", "all", "--engine", plan.engine),
            command=worker,
            on_event=self._on_event,
        )
        async with Follower(stage.kafka, OUTCOMES, settling.take), fleet:
            self._on_event(f"{plan.workers} workers are ready")
            began_s = time.monotonic()
            havoc, publisher = await self._publish_through_havoc(fleet)
            published_s = time.monotonic() - began_s
            self._on_event(f"all is published, {settling.answered} results so far")
            await settling.until_settled(
                self._expected,
                publisher.malformed,
                self._correlation_ids,
                within_s=SETTLED_WITHIN_S,
            )
            await fleet.stop()
        self._on_event("reading the topics")
        books = await read_books(
            stage.kafka,
            expected=self._expected,
            malformed=publisher.malformed,
            correlation_ids=self._correlation_ids,
        )
        read_ms = int(time.time() * 1000)
        found = settlements(books)
        faults = [(done, caught_up_s(found, done.at_ms, read_ms)) for done in havoc.done]
        return Report(
            plan=plan,
            lines=[*balance(books), *self._process_lines(fleet.ends, faults)],
            faults=faults,
            notes=self._notes(books, found, fleet, publisher, published_s),
        )

    async def _publish_through_havoc(self, fleet: Fleet) -> tuple[Havoc, PacedPublisher]:
        stage, plan = self._stage, self._plan
        havoc = Havoc(fleet, stage.broker, plan.seed, self._on_event)
        async with PacedPublisher(stage.kafka, stage.key) as publisher, asyncio.TaskGroup() as both:
            both.create_task(publisher.publish(self._traffic, rate=self._rate, burst=plan.burst))
            both.create_task(havoc.run(schedule(plan), publisher, plan.burst / self._rate))
        return havoc, publisher

    def _process_lines(self, ends: Ends, faults: Sequence[tuple[DoneFault, float]]) -> list[Line]:
        bad_codes = [code for code in ends.term_codes if code != 0]
        planned = Counter(self._plan.faults)
        planned.subtract(done.fault for done, _ in faults)
        return [
            Line(ORPHANS, len(ends.orphans), unit="processes", examples=_text(ends.orphans)),
            Line(TERM_CODES, len(bad_codes), unit="exits", examples=_text(bad_codes)),
            Line(FAULTS, planned.total(), unit="faults"),
            Line(CAUGHT_UP, faults[-1][1] if faults else 0.0, CAUGHT_UP_WITHIN_S, "s"),
        ]

    def _notes(
        self,
        books: Books,
        found: Sequence[Settlement],
        fleet: Fleet,
        publisher: PacedPublisher,
        published_s: float,
    ) -> list[tuple[str, str]]:
        waits_ms = sorted(one.settled_ms - one.arrived_ms for one in found if one.settled_ms is not None)
        return [
            ("valid records", str(len(books.expected))),
            ("malformed records", str(len(books.malformed))),
            ("published in", f"{published_s:.0f} s, at most {self._rate:.0f} a second"),
            ("sends that were tried again", str(publisher.retries)),
            ("records on the request topics", str(len(books.requests))),
            ("results, redeliveries included", str(len(books.results))),
            ("dead letters, redeliveries included", str(len(books.dead_letters))),
            ("workers started", str(fleet.starts)),
            ("workers that ended by themselves", str(fleet.ends.unasked_codes or "none")),
            ("median from request to outcome", f"{_at(waits_ms, 0.5) / 1000:.2f} s"),
            ("longest from request to outcome", f"{_at(waits_ms, 1.0) / 1000:.2f} s"),
        ]


def _text(found: Sequence[int]) -> tuple[str, ...]:
    return tuple(str(one) for one in found[:5])


def _at(ordered: Sequence[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0
