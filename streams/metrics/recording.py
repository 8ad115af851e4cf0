"""What is counted as it happens: by delivery's batches, and by the child's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from schemas.errors import ReplyUndeliverable
from schemas.topics import REQUEST_PREFIX
from streams.delivery.records import Output, Record, Wait
from streams.delivery.wall_clock import now_ms
from streams.inference.protocol import Classification, Item, Outcome
from streams.metrics import table
from streams.metrics.families import Counts, Spread

ANSWERED = "answered"
DEAD_LETTERED = "dead_lettered"


class Recording(Collector):
    """`streams.delivery.observer.Observer`, and the inference process's `on_results`.

    Of a batch of 128 records it takes some 0.1 ms: times are sorted into buckets a batch at a time, and what
    was true of a whole pass through an encoder is counted once.
    """

    def __init__(self, model_types: Iterable[str], *, clock_ms: Callable[[], float] = now_ms) -> None:
        served = list(model_types)
        self._clock_ms = clock_ms
        ends = [(name, outcome) for name in served for outcome in (ANSWERED, DEAD_LETTERED)]
        self._records = Counts(table.RECORDS, ends)
        self._dead_letters = Counts(table.DEAD_LETTERS)
        self._waits = Counts(table.WAITS)
        self._reply_failures = Counts(table.REPLY_FAILURES, [(name,) for name in served])
        self._record_seconds = Spread(table.RECORD_SECONDS)
        self._batch_tokens = Spread(table.BATCH_TOKENS)
        self._batch_size = Spread(table.BATCH_SIZE)
        self._padding = Spread(table.PADDING)
        self._inference_seconds = Spread(table.INFERENCE_SECONDS)
        self._tokenise_seconds = Spread(table.TOKENISE_SECONDS)

    def confirmed(self, written: Sequence[tuple[Record, Output]]) -> None:
        for (topic, code), count in Counter([(r.topic, output.error_code) for r, output in written]).items():
            model_type = topic.removeprefix(REQUEST_PREFIX)
            if code is not None:
                self._dead_letters.add((model_type, code), count)
            if code != ReplyUndeliverable.code:  # its record was answered: the result is there
                self._records.add((model_type, DEAD_LETTERED if code else ANSWERED), count)

    def undelivered(self, records: Sequence[Record]) -> None:
        for record in records:
            self._reply_failures.add((record.topic.removeprefix(REQUEST_PREFIX),))

    def acknowledged(self, records: Sequence[Record]) -> None:
        now = self._clock_ms()
        seconds: dict[str, list[float]] = {}
        for record in records:
            seconds.setdefault(record.topic, []).append(max(0.0, now - record.timestamp_ms) / 1e3)
        for topic, values in seconds.items():
            self._record_seconds.observe(values, (topic.removeprefix(REQUEST_PREFIX),))

    def waits(self, waiting: Sequence[tuple[Record, Wait]]) -> None:
        for record, wait in waiting:
            self._waits.add((record.topic.removeprefix(REQUEST_PREFIX), wait.error.code))

    def results(self, items: Sequence[Item], outcomes: Sequence[Outcome]) -> None:
        """The child's answers to one of its batches, which it may have cut into several passes."""
        longest: dict[tuple[float, int, float], int] = {}  # by pass: its time, size and padding tell it apart
        inferred: set[tuple[str, float]] = set()
        tokenised: dict[str, float] = {}
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Classification):
                key = (outcome.infer_ms, outcome.batch_size, outcome.padding_share)
                longest[key] = max(longest.get(key, 0), outcome.tokens)
                inferred.add((item.model_type, outcome.infer_ms))
                tokenised[item.model_type] = outcome.tokenise_ms
        self._batch_size.observe([size for _, size, _ in longest])
        self._padding.observe([padding for _, _, padding in longest])
        # All rows are as wide as the longest, and the padding's share of that is known.
        self._batch_tokens.observe([round(size * n * (1 - share)) for (_, size, share), n in longest.items()])
        for model_type, infer_ms in inferred:
            self._inference_seconds.observe((infer_ms / 1e3,), (model_type,))
        for model_type, tokenise_ms in tokenised.items():
            self._tokenise_seconds.observe((tokenise_ms / 1e3,), (model_type,))

    def collect(self) -> Iterable[Family]:
        """See prometheus_client: what a scrape shows."""
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
        return [each.family() for each in counted]
