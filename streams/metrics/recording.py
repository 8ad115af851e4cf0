"""What is counted as it happens: by delivery's batches, and by the child's."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from schemas.errors import Internal, ReplyUndeliverable
from schemas.topics import REQUEST_PREFIX
from streams.delivery.records import Output, Record, Wait
from streams.delivery.wall_clock import now_ms
from streams.inference.protocol import Classification, Item, Outcome
from streams.metrics import table
from streams.metrics.families import Counts, Spread

ANSWERED = "answered"
DEAD_LETTERED = "dead_lettered"
FROM_ZERO = (Internal.code, ReplyUndeliverable.code)  # alerted on: a rate misses a series' first appearance
TURN_S = 0.0005


class Recording(Collector):
    """`streams.delivery.observer.Observer`, and the inference process's `on_results`.

    It takes some 2 us of a record's 240: times are sorted into buckets a batch at a time, and what was
    true of a whole pass through an encoder is counted once.
    """

    def __init__(self, model_types: Iterable[str], *, clock_ms: Callable[[], float] = now_ms) -> None:
        served = list(model_types)
        self._clock_ms = clock_ms
        ends = [(name, outcome) for name in served for outcome in (ANSWERED, DEAD_LETTERED)]
        self._records = Counts(table.RECORDS, ends)
        self._dead_letters = Counts(
            table.DEAD_LETTERS, [(name, code) for name in served for code in FROM_ZERO]
        )
        self._waits = Counts(table.WAITS)
        self._reply_failures = Counts(table.REPLY_FAILURES, [(name,) for name in served])
        self._record_seconds = Spread(table.RECORD_SECONDS)
        self._batch_tokens = Spread(table.BATCH_TOKENS)
        self._batch_size = Spread(table.BATCH_SIZE)
        self._padding = Spread(table.PADDING)
        self._inference_seconds = Spread(table.INFERENCE)
        self._tokenise_seconds = Spread(table.TOKENISE)

    def confirmed(self, written: Sequence[tuple[Record, Output]]) -> None:
        answered = Counter([record.topic for record, output in written if output.error_code is None])
        for topic, count in answered.items():
            self._records.add((_model_type(topic), ANSWERED), count)
        if answered.total() == len(written):
            return
        for record, output in written:
            if (code := output.error_code) is not None:
                model_type = _model_type(record.topic)
                self._dead_letters.add((model_type, code))
                if code != ReplyUndeliverable.code:  # that one's record was answered: its result is there
                    self._records.add((model_type, DEAD_LETTERED))

    def undelivered(self, records: Sequence[Record]) -> None:
        for record in records:
            self._reply_failures.add((_model_type(record.topic),))

    def acknowledged(self, records: Sequence[Record]) -> None:
        now = self._clock_ms()
        ages_ms: defaultdict[str, list[float]] = defaultdict(list)
        for record in records:
            ages_ms[record.topic].append(now - record.timestamp_ms)
        for topic, ages in ages_ms.items():
            # The broker's clock is another one: an age can come out below nothing.
            self._record_seconds.observe(
                [age / 1e3 if age > 0 else 0.0 for age in ages], (_model_type(topic),)
            )

    def waits(self, waiting: Sequence[tuple[Record, Wait]]) -> None:
        for record, wait in waiting:
            self._waits.add((_model_type(record.topic), wait.error.code))

    def results(self, items: Sequence[Item], outcomes: Sequence[Outcome]) -> None:
        """The child's answers to one of its batches, which it may have cut into several passes."""
        longest: dict[float, Classification] = {}  # by pass: its time, to the nanosecond, tells it apart
        passes_ms: defaultdict[str, set[float]] = defaultdict(set)
        tokenised_ms: dict[str, float] = {}
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Classification):
                infer_ms = outcome.infer_ms
                known = longest.get(infer_ms)
                if known is None or outcome.tokens > known.tokens:
                    longest[infer_ms] = outcome
                passes_ms[item.model_type].add(infer_ms)
                tokenised_ms[item.model_type] = outcome.tokenise_ms
        self._batch_size.observe([one.batch_size for one in longest.values()])
        self._padding.observe([one.padding_share for one in longest.values()])
        self._batch_tokens.observe([_tokens_of_pass(one) for one in longest.values()])
        for model_type, times in passes_ms.items():
            self._inference_seconds.observe([ms / 1e3 for ms in times], (model_type,))
            self._tokenise_seconds.observe([tokenised_ms[model_type] / 1e3], (model_type,))

    def collect(self) -> Iterator[Family]:
        """See prometheus_client: what a scrape shows, in the scrape's thread.

        Each family is written out as it is yielded, and in between the event loop gets its turn: a thread
        that only computes would keep it from that for 5 ms at a time.
        """
        counted: list[Counts | Spread] = [
            self._records,
            self._dead_letters,
            self._waits,
            self._reply_failures,
            self._record_seconds,
            self._batch_tokens,
            self._batch_size,
            self._padding,
            self._inference_seconds,
            self._tokenise_seconds,
        ]
        for each in counted:
            yield each.family()
            time.sleep(TURN_S)


def _model_type(topic: str) -> str:
    return topic.removeprefix(REQUEST_PREFIX)


def _tokens_of_pass(longest: Classification) -> int:
    """All rows are as wide as the longest text, and the padding's share of that is known."""
    return round(longest.batch_size * longest.tokens * (1 - longest.padding_share))
