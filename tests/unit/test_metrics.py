"""What a scrape shows, from what delivery and the child have told; and that it shows no one's data."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from schemas.errors import ConfigurationError, ModelUnavailable, NotAvro, ReplyUndeliverable
from streams.delivery.dead_letters import dead_letter
from streams.delivery.intake import Intake
from streams.delivery.prefix import CommitPrefix
from streams.delivery.records import Output, OutputKind, Record, Wait
from streams.inference.protocol import Classification, Item, ItemFailure
from streams.metrics.readings import Readings, resident_bytes
from streams.metrics.recording import Recording
from streams.metrics.serving import PORT_SETTING, serve_metrics
from streams.metrics.table import TABLE
from tests.support.scrapes import Scrape

NOW_MS = 1_700_000_000_000
PRINCIPLES = {"model_type": "principles"}


class Child:
    """A child as the readings see it."""

    def __init__(self) -> None:
        self.pid: int | None = os.getpid()
        self.restarts = 2
        self.deaths = 3
        self.poisoned: Mapping[str, int] = {"principles": 1}


class Stage:
    """Both collectors, and what they look at."""

    def __init__(self) -> None:
        self.recording = Recording(["principles", "regional"], clock_ms=lambda: NOW_MS)
        self.child = Child()
        self.lags: dict[str, int] = {"principles": 7}
        self.clock_s = 0.0
        self.intake = Intake(limit=10, parked_limit=10, on_ready=lambda: None, clock=lambda: self.clock_s)
        self.registry = CollectorRegistry()
        self.registry.register(self.recording)
        self.registry.register(
            Readings(
                {"principles": self.intake},
                self.child,
                lags=lambda: self.lags,
                unconfirmed=lambda: 2,
                clock_ms=lambda: NOW_MS,
            )
        )

    def scrape(self) -> Scrape:
        return Scrape(generate_latest(self.registry).decode())


@pytest.fixture
def stage() -> Stage:
    return Stage()


def record(model_type: str = "principles", *, age_ms: int = 0) -> Record:
    topic = f"veriaidpo.requests.{model_type}"
    headers = (("authorization", b"Bearer secret"),)
    return Record(topic, 0, 1, NOW_MS - age_ms, b"request-4711", b"someone's text", headers, CommitPrefix())


def result() -> Output:
    return Output(OutputKind.RESULT, "veriaidpo.results", b"k", b"v", ())


def classification(tokens: int, size: int, padding: float = 0.0, infer_ms: float = 20.0) -> Classification:
    return Classification(0, (1.0,), tokens, False, 1.0, infer_ms, size, padding)


def samples() -> Iterator[tuple[Record, Output]]:
    yield record(), result()
    yield record(), result()
    yield record("regional"), result()
    yield record(), dead_letter(record(), NotAvro(reason="x"))


def test_records_are_counted_by_model_type_and_outcome(stage: Stage) -> None:
    stage.recording.confirmed(list(samples()))
    scrape = stage.scrape()
    assert scrape.value("veriaidpo_records_total", **PRINCIPLES, outcome="answered") == 2
    assert scrape.value("veriaidpo_records_total", **PRINCIPLES, outcome="dead_lettered") == 1
    assert scrape.value("veriaidpo_records_total", model_type="regional", outcome="answered") == 1
    assert scrape.value("veriaidpo_dead_letters_total", **PRINCIPLES, code="NOT_AVRO") == 1


def test_counters_of_what_is_served_begin_at_zero(stage: Stage) -> None:
    scrape = stage.scrape()
    for name in ("principles", "regional"):
        assert scrape.value("veriaidpo_records_total", model_type=name, outcome="answered") == 0
        assert scrape.value("veriaidpo_reply_failures_total", model_type=name) == 0
        assert scrape.value("veriaidpo_dead_letters_total", model_type=name, code="INTERNAL") == 0


def test_record_whose_reply_fails_is_one_answered_record_and_a_dead_letter(stage: Stage) -> None:
    stage.recording.confirmed([(record(), result())])
    stage.recording.undelivered([record()])
    stage.recording.confirmed([(record(), dead_letter(record(), ReplyUndeliverable(reason="x")))])
    scrape = stage.scrape()
    assert scrape.value("veriaidpo_records_total", **PRINCIPLES, outcome="answered") == 1
    assert scrape.value("veriaidpo_records_total", **PRINCIPLES, outcome="dead_lettered") == 0
    assert scrape.value("veriaidpo_dead_letters_total", **PRINCIPLES, code="REPLY_UNDELIVERABLE") == 1
    assert scrape.value("veriaidpo_reply_failures_total", **PRINCIPLES) == 1


def test_time_of_a_record_runs_from_its_append_in_seconds(stage: Stage) -> None:
    stage.recording.acknowledged([record(age_ms=40), record(age_ms=2_000), record(age_ms=-5)])
    scrape = stage.scrape()
    name = "veriaidpo_record_seconds"
    assert scrape.value(f"{name}_count", **PRINCIPLES) == 3
    assert scrape.value(f"{name}_sum", **PRINCIPLES) == pytest.approx(2.04)
    assert scrape.value(f"{name}_bucket", **PRINCIPLES, le="0.005") == 1
    assert scrape.value(f"{name}_bucket", **PRINCIPLES, le="0.05") == 2
    assert scrape.value(f"{name}_bucket", **PRINCIPLES, le="2.5") == 3
    assert scrape.value(f"{name}_bucket", **PRINCIPLES, le="+Inf") == 3


def test_value_on_a_bound_belongs_below_it(stage: Stage) -> None:
    stage.recording.acknowledged([record(age_ms=50)])
    assert stage.scrape().value("veriaidpo_record_seconds_bucket", **PRINCIPLES, le="0.05") == 1


def test_waits_are_counted_by_what_is_unavailable(stage: Stage) -> None:
    wait = Wait(ModelUnavailable(model_type="principles", reason="x"))
    stage.recording.waits([(record(), wait), (record(), wait)])
    assert stage.scrape().value("veriaidpo_record_waits_total", **PRINCIPLES, code="MODEL_UNAVAILABLE") == 2


def test_pass_is_counted_once_however_many_records_rode_in_it(stage: Stage) -> None:
    long, short = classification(30, 2, 0.25), classification(15, 2, 0.25)  # 45 of 60 places
    alone = classification(10, 1, infer_ms=5.0)
    items = [Item("principles", "a"), Item("regional", "a"), Item("principles", "b"), Item("regional", "c")]
    stage.recording.results(items, [long, long, short, alone])
    scrape = stage.scrape()
    assert scrape.value("veriaidpo_batch_size_count") == 2
    assert scrape.value("veriaidpo_batch_size_sum") == 3
    assert scrape.value("veriaidpo_batch_tokens_sum") == 45 + 10
    assert scrape.value("veriaidpo_batch_padding_ratio_sum") == 0.25
    assert scrape.value("veriaidpo_inference_seconds_count", **PRINCIPLES) == 1
    assert scrape.value("veriaidpo_inference_seconds_count", model_type="regional") == 2
    assert scrape.value("veriaidpo_inference_seconds_sum", model_type="regional") == pytest.approx(0.025)
    assert scrape.value("veriaidpo_tokenise_seconds_count", model_type="regional") == 1


def test_failures_of_the_child_make_no_figures_up(stage: Stage) -> None:
    stage.recording.results([Item("principles", "a")], [ItemFailure("INTERNAL")])
    assert not stage.scrape().has("veriaidpo_inference_seconds_count", **PRINCIPLES)


async def test_queue_tells_its_depth_and_the_age_of_its_oldest_record(stage: Stage) -> None:
    live = {**PRINCIPLES, "lane": "live"}
    assert stage.scrape().value("veriaidpo_queue_oldest_seconds", **live) == 0
    await stage.intake.put(record(age_ms=500))
    await stage.intake.put(record(age_ms=1500))
    stage.intake.park([record(age_ms=3000)])
    scrape = stage.scrape()
    assert scrape.value("veriaidpo_queue_records", **live) == 3
    assert scrape.value("veriaidpo_queue_oldest_seconds", **live) == 3
    assert scrape.value("veriaidpo_parked_records", **PRINCIPLES) == 1
    stage.intake.drop()
    assert stage.scrape().value("veriaidpo_queue_records", **live) == 0


def test_gauges_are_read_when_they_are_scraped(stage: Stage) -> None:
    scrape = stage.scrape()
    assert scrape.value("veriaidpo_lag_records", **PRINCIPLES) == 7
    assert scrape.value("veriaidpo_child_up") == 1
    assert scrape.value("veriaidpo_child_restarts_total") == 2
    assert scrape.value("veriaidpo_child_deaths_total") == 3
    assert scrape.value("veriaidpo_poison_records_total", **PRINCIPLES) == 1
    assert scrape.value("veriaidpo_unconfirmed_batches") == 2
    stage.child.pid, stage.lags = None, {}
    scrape = stage.scrape()
    assert scrape.value("veriaidpo_child_up") == 0
    assert not scrape.has("veriaidpo_resident_bytes", process="child")
    assert not scrape.has("veriaidpo_lag_records", **PRINCIPLES)  # unknown isn't none


def test_resident_memory_is_in_bytes(stage: Stage) -> None:
    assert stage.scrape().value("veriaidpo_resident_bytes", process="worker") > 10_000_000
    assert resident_bytes(2**22 + 1) is None  # Linux gives no such process id


def test_scrape_shows_exactly_the_rows_of_the_table(stage: Stage) -> None:
    stage.recording.confirmed(list(samples()))
    families = {
        each.name: each for each in text_string_to_metric_families(generate_latest(stage.registry).decode())
    }
    assert set(families) == {row.name.removesuffix("_total") for row in TABLE}
    for row in TABLE:
        family = families[row.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (row.kind, row.help)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(row.labels), row.name


def test_names_follow_the_conventions() -> None:
    for row in TABLE:
        assert row.name.startswith("veriaidpo_")
        assert row.name.endswith("_total") == (row.kind == "counter"), row.name
        assert bool(row.buckets) == (row.kind == "histogram"), row.name
        assert list(row.buckets) == sorted(set(row.buckets))
        assert not row.name.endswith(("_ms", "_mb", "_percent")), "base units"
        assert set(row.labels) <= {"model_type", "outcome", "code", "lane", "process"}, row.name


def test_nothing_of_a_record_is_in_a_scrape(stage: Stage) -> None:
    stage.recording.confirmed(list(samples()))
    stage.recording.acknowledged([record()])
    text = stage.scrape().text
    for private in ("request-4711", "someone", "secret", "Bearer"):
        assert private not in text


async def test_scrapes_beside_the_counting_fail_nothing_and_lose_nothing(stage: Stage) -> None:
    over = False

    def scrape_until_over() -> int:
        scrapes = 0
        while not over:
            generate_latest(stage.registry)
            scrapes += 1
        return scrapes

    scraping = asyncio.create_task(asyncio.to_thread(scrape_until_over))
    try:
        for number in range(500):  # new labels all the time: what grows while it is copied would fail
            stage.recording.acknowledged([record(f"type{number % 50}", age_ms=number)])
            stage.recording.confirmed([(record(), result())])
            await stage.intake.put(record())
            stage.intake.drop()
            await asyncio.sleep(0)
    finally:
        over = True
    assert await scraping > 0
    assert stage.scrape().value("veriaidpo_records_total", **PRINCIPLES, outcome="answered") == 500


async def test_metrics_are_served_and_end_with_their_block(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with serve_metrics(stage.registry, host="127.0.0.1", port=0):
        url = caplog.messages[-1].removeprefix("metrics at ")
        scrape = await Scrape.of(url)
        assert scrape.value("veriaidpo_child_up") == 1
    with pytest.raises(httpx.ConnectError):
        await Scrape.of(url)


async def test_taken_port_is_refused_with_what_to_do(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with serve_metrics(stage.registry, host="127.0.0.1", port=0):
        port = int(caplog.messages[-1].rsplit(":", 1)[1].removesuffix("/metrics"))
        with pytest.raises(ConfigurationError, match="choose another") as refused:
            async with serve_metrics(stage.registry, host="127.0.0.1", port=port):
                pass
        assert refused.value.details["setting"] == PORT_SETTING
        assert "cổng" in refused.value.text_vi


async def test_host_that_is_not_ours_is_refused(stage: Stage) -> None:
    with pytest.raises(ConfigurationError, match="METRICS_HOST"):
        async with serve_metrics(stage.registry, host="192.0.2.1", port=0):
            pass


async def test_without_a_port_nothing_is_served(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with serve_metrics(stage.registry, host="127.0.0.1", port=None):
        assert not caplog.messages


async def test_scraper_that_says_nothing_delays_neither_the_loop_nor_the_end(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with serve_metrics(stage.registry, host="127.0.0.1", port=0):
        url = caplog.messages[-1].removeprefix("metrics at ")
        port = int(url.rsplit(":", 1)[1].removesuffix("/metrics"))
        _, silent = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(5):
            assert (await Scrape.of(url)).value("veriaidpo_child_up") == 1
    silent.close()
