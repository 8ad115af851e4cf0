"""What becomes of each record of a batch, whatever happens to the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.issuers import IssuerSource
from schemas.claims import IssuerList, SigningKey
from schemas.errors import Internal, KeysUnavailable, ModelUnavailable, VeriAIDPOError
from schemas.events import ClassificationFailure, ClassificationResult
from schemas.headers import CORRELATION_ID, ERROR_CODE
from schemas.reply import ReplyAddress
from schemas.taxonomy import MODEL_TYPES
from schemas.topics import DEAD_LETTERS, RESULTS
from streams.classification import lookups
from streams.classification.admission import Admission
from streams.classification.answers import Answers
from streams.classification.pipeline import Answer, Pipeline
from streams.delivery.prefix import CommitPrefix
from streams.delivery.records import Done, Outcome, Output, Record, Wait
from streams.delivery.wall_clock import now_ms
from streams.inference.protocol import Classification, Item, ModelInfo
from streams.normalisation import NormalisedText
from tests.support.signed_records import CODEC, signed_record, signing_key

REPLY = ReplyAddress("veriaidpo.replies.tests", 3, b"\x00\xffcorrelation")
SECRET_TEXT = "chuyện riêng của bà Lan"


class Models:
    """Answers each item with the second label, or with what `answer` says."""

    def __init__(self) -> None:
        self.asked: list[Item] = []
        self.answer: VeriAIDPOError | None = None

    @property
    def models(self) -> Mapping[str, ModelInfo]:
        return {
            name: ModelInfo("constant", "sha256:0", tuple(label.name for label in kind.labels))
            for name, kind in MODEL_TYPES.items()
        }

    async def classify(self, items: Sequence[Item]) -> Sequence[Answer]:
        self.asked += items
        return [self.answer or self._classified(item) for item in items]

    def _classified(self, item: Item) -> Classification:
        labels = len(MODEL_TYPES[item.model_type].labels)
        scores = tuple(1.0 if number == 1 else 0.0 for number in range(labels))
        return Classification(1, scores, 7, False, 0.5, 2.5, 4, 0.25)


class Issuers:
    """The list without the key until it is asked for again, if `late`."""

    def __init__(self, issuers: IssuerList) -> None:
        self.issuers = issuers
        self.now = issuers
        self.refreshes = 0
        self.unavailable = False

    def current(self) -> IssuerList:
        return self.now

    async def refresh_for_unknown(self, issuer: str, kid: str) -> IssuerList:
        self.refreshes += 1
        if self.unavailable:
            raise KeysUnavailable(issuer=issuer, reason="it is away")
        self.now = self.issuers
        return self.now


class Bench:
    def __init__(self, key: SigningKey, issuers: IssuerList) -> None:
        self.key = key
        self.issuers = Issuers(issuers)
        self.models = Models()
        self.pipeline = Pipeline(
            admission=Admission(codec=CODEC, issuers=self.issuers, clock_ms=now_ms),
            normalise=lambda text: NormalisedText(text.replace("Vietcombank", "[COMPANY]"), ()),
            inference=self.models,
            answers=Answers(codec=CODEC, worker_id="w1"),
        )

    def record(self, text: str = SECRET_TEXT, **options: object) -> Record:
        signed = signed_record(self.key, text, **options)  # type: ignore[arg-type]
        return Record(
            signed.topic, 1, 42, int(now_ms()), signed.key, signed.value, signed.headers, CommitPrefix()
        )

    async def outcome(self, record: Record) -> Outcome:
        (outcome,) = await self.pipeline([record])
        return outcome

    def forget_keys(self) -> None:
        """The issuers are known, their keys aren't (yet)."""
        self.issuers.now = IssuerList(
            replace(self.issuers.issuers.issuer(name), keys=()) for name in self.issuers.issuers.names
        )


async def new_bench(home: Path) -> Bench:
    """An installation of its own: its keys are nobody else's."""
    key = signing_key(home)
    async with IssuerSource(home / "issuers.json") as issuers:
        return Bench(key, issuers.current())


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    return await new_bench(tmp_path / "home")


def done(outcome: Outcome) -> tuple[Output, Output | None]:
    assert isinstance(outcome, Done), outcome
    (output,) = outcome.outputs
    return output, outcome.reply


def dead_letter_code(outcome: Outcome) -> bytes:
    output, _ = done(outcome)
    assert output.topic == DEAD_LETTERS
    return dict(output.headers)[ERROR_CODE]


def failure_of(outcome: Outcome) -> ClassificationFailure:
    _, reply = done(outcome)
    assert reply is not None
    failure = CODEC.decode(reply.value)
    assert isinstance(failure, ClassificationFailure)
    return failure


async def test_result_goes_to_the_results_and_to_the_signed_reply_address(bench: Bench) -> None:
    record = bench.record("Vietcombank xin sự đồng ý.", reply=REPLY)
    output, reply = done(await bench.outcome(record))
    assert reply is not None
    assert (output.topic, output.key) == (RESULTS, record.key)
    assert (reply.topic, reply.partition, reply.key) == (REPLY.topic, REPLY.partition, REPLY.correlation_id)
    assert (CORRELATION_ID, REPLY.correlation_id) in reply.headers
    assert output.value == reply.value
    result = CODEC.decode(output.value)
    assert isinstance(result, ClassificationResult)
    assert result.normalized_text == "[COMPANY] xin sự đồng ý."
    assert bench.models.asked == [Item("principles", "[COMPANY] xin sự đồng ý.")]
    assert (result.category_id, result.confidence) == (1, 1.0)
    assert result.prediction == MODEL_TYPES["principles"].labels[1].name
    assert (result.timings.batch_size, result.timings.padding_share) == (4, 0.25)


async def test_nobody_who_asked_for_no_reply_gets_one(bench: Bench) -> None:
    assert done(await bench.outcome(bench.record()))[1] is None


async def test_each_record_has_its_own_outcome_in_the_order_of_the_batch(bench: Bench) -> None:
    bad = bench.record("   ")
    outcomes = await bench.pipeline([bench.record(), bad, bench.record()])
    assert [done(outcome)[0].topic for outcome in outcomes] == [RESULTS, DEAD_LETTERS, RESULTS]
    assert len(bench.models.asked) == 2


async def test_retriable_failure_with_a_deadline_is_answered_at_once_and_kept(bench: Bench) -> None:
    bench.models.answer = ModelUnavailable(model_type="principles", reason="LOADING")
    outcome = await bench.outcome(bench.record(reply=REPLY, deadline_ms=int(now_ms()) + 60_000))
    assert dead_letter_code(outcome) == b"MODEL_UNAVAILABLE"
    failure = failure_of(outcome)
    assert (failure.code, failure.retriable, failure.model_type) == ("MODEL_UNAVAILABLE", True, "principles")
    assert failure.retry_after_s


async def test_retriable_failure_without_a_deadline_waits(bench: Bench) -> None:
    bench.models.answer = ModelUnavailable(model_type="principles", reason="LOADING")
    outcome = await bench.outcome(bench.record(reply=REPLY))
    assert isinstance(outcome, Wait)
    bench.models.answer = None
    assert done(await bench.outcome(bench.record(reply=REPLY)))[0].topic == RESULTS


async def test_record_that_ends_every_child_is_dead_lettered_and_answered(bench: Bench) -> None:
    bench.models.answer = Internal(exception="InferenceChildDied")
    outcome = await bench.outcome(bench.record(reply=REPLY))
    assert dead_letter_code(outcome) == b"INTERNAL"
    assert failure_of(outcome).code == "INTERNAL"


async def test_passed_deadline_is_answered_without_asking_the_models(bench: Bench) -> None:
    outcome = await bench.outcome(bench.record(reply=REPLY, deadline_ms=int(now_ms()) - 1))
    assert dead_letter_code(outcome) == b"DEADLINE_EXCEEDED"
    assert failure_of(outcome).code == "DEADLINE_EXCEEDED"
    assert bench.models.asked == []


async def test_unexpected_exception_of_one_record_dead_letters_it_alone_and_names_the_class_only(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def normalise(text: str) -> NormalisedText:
        if text == SECRET_TEXT:
            raise ZeroDivisionError(text)
        return NormalisedText(text, ())

    monkeypatch.setattr(bench.pipeline, "_normalise", normalise)
    with caplog.at_level(logging.DEBUG):
        outcomes = await bench.pipeline([bench.record("an"), bench.record(reply=REPLY), bench.record("bình")])
    assert [done(outcome)[0].topic for outcome in outcomes] == [RESULTS, DEAD_LETTERS, RESULTS]
    assert dead_letter_code(outcomes[1]) == b"INTERNAL"
    assert "ZeroDivisionError" in failure_of(outcomes[1]).message
    assert bench.pipeline.internal_errors == 1
    assert "ZeroDivisionError" in caplog.text
    assert SECRET_TEXT not in caplog.text
    assert SECRET_TEXT not in str(outcomes[1])


async def test_what_the_models_link_raises_is_not_caught(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def classify(items: Sequence[Item]) -> Sequence[Answer]:
        raise BrokenPipeError

    monkeypatch.setattr(bench.models, "classify", classify)
    with pytest.raises(BrokenPipeError):
        await bench.pipeline([bench.record()])


async def test_unverified_signature_is_answered_to_nobody(bench: Bench, tmp_path: Path) -> None:
    stranger = await new_bench(tmp_path / "other")
    outcome = await bench.outcome(stranger.record(reply=REPLY))
    for _ in range(3):  # its key id is unknown: asked for once, aside
        if isinstance(outcome, Done):
            break
        await asyncio.sleep(0)
        outcome = await bench.outcome(stranger.record(reply=REPLY))
    assert dead_letter_code(outcome) == b"CLAIMS_UNVERIFIED"
    assert done(outcome)[1] is None


async def test_record_under_a_new_key_waits_for_the_key_set_and_is_then_taken(bench: Bench) -> None:
    bench.forget_keys()
    record = bench.record()
    assert isinstance(await bench.outcome(record), Wait)
    await asyncio.sleep(0.01)
    assert done(await bench.outcome(record))[0].topic == RESULTS
    assert bench.issuers.refreshes == 1


async def test_many_records_under_an_unknown_key_are_one_question(bench: Bench, tmp_path: Path) -> None:
    stranger = await new_bench(tmp_path / "other")
    records = [stranger.record() for _ in range(50)]
    await bench.pipeline(records)
    await asyncio.sleep(0.01)
    assert {dead_letter_code(outcome) for outcome in await bench.pipeline(records)} == {b"CLAIMS_UNVERIFIED"}
    assert bench.issuers.refreshes == 1


async def test_record_waits_as_long_as_its_issuers_keys_cannot_be_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "KEPT_S", 0.0)
    bench.forget_keys()
    bench.issuers.unavailable = True
    record = bench.record()
    for _ in range(4):
        assert isinstance(await bench.outcome(record), Wait)
        await asyncio.sleep(0.01)
    bench.issuers.unavailable = False
    assert isinstance(await bench.outcome(record), Wait)  # asks again
    monkeypatch.setattr(lookups, "KEPT_S", 60.0)
    await asyncio.sleep(0.01)
    assert done(await bench.outcome(record))[0].topic == RESULTS


async def test_reply_address_of_undecodable_bytes_is_the_signed_one(bench: Bench) -> None:
    outcome = await bench.outcome(bench.record(value=b"not avro", reply=REPLY))
    _, reply = done(outcome)
    assert reply is not None
    assert (reply.topic, reply.partition) == (REPLY.topic, REPLY.partition)
    assert failure_of(outcome).code == "NOT_AVRO"
