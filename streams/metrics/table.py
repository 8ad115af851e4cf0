"""Every metric of a worker, a row each. docs/operate.md shows the same table to operators.

No label ever holds a tenant, an id or a text: each takes a handful of values that are known beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True)
class Metric:
    """`name` is what a scrape shows; `buckets` are a histogram's upper bounds, less the last, +Inf."""

    kind: Kind
    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_counter, _gauge, _histogram = (partial(Metric, kind) for kind in ("counter", "gauge", "histogram"))

MODEL: Final = ("model_type",)
LANE: Final = ("model_type", "lane")
CODE: Final = ("model_type", "code")
OUTCOME: Final = ("model_type", "outcome")
PROCESS: Final = ("process",)

TEXTS: Final = (1, 2, 4, 8, 16, 32, 64, 128)
TOKENS: Final = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
SHARES: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
BRIEF: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
PATIENT: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0, 3600.0)

# What became of records.
RECORDS = _counter("veriaidpo_records_total", "Records that ended answered or dead_lettered.", OUTCOME)
DEAD_LETTERS = _counter("veriaidpo_dead_letters_total", "Dead letters written, by error code.", CODE)
WAITS = _counter("veriaidpo_record_waits_total", "Times a record stepped aside to be tried again.", CODE)
REPLY_FAILURES = _counter("veriaidpo_reply_failures_total", "Replies that couldn't be delivered.", MODEL)
RECORD_SECONDS = _histogram("veriaidpo_record_seconds", "From a record's append to its end.", MODEL, PATIENT)

# What waits.
QUEUE = _gauge("veriaidpo_queue_records", "Records that wait in the worker, parked ones too.", LANE)
QUEUE_AGE = _gauge("veriaidpo_queue_oldest_seconds", "Since the oldest of them was appended; else 0.", LANE)
PARKED = _gauge("veriaidpo_parked_records", "Records that wait for a model or for keys.", MODEL)
LAG = _gauge("veriaidpo_lag_records", "Unacknowledged records of the worker's partitions.", MODEL)
UNCONFIRMED = _gauge("veriaidpo_unconfirmed_batches", "Computed batches that the broker hasn't confirmed.")

# What the models did; a batch is one pass through an encoder.
BATCH_TOKENS = _histogram("veriaidpo_batch_tokens", "Tokens in a batch, padding left out.", (), TOKENS)
BATCH_SIZE = _histogram("veriaidpo_batch_size", "Different texts in a batch.", (), TEXTS)
PADDING = _histogram("veriaidpo_batch_padding_ratio", "Share of a batch's tokens that pads.", (), SHARES)
INFERENCE = _histogram("veriaidpo_inference_seconds", "A batch's pass through the encoder.", MODEL, BRIEF)
TOKENISE = _histogram("veriaidpo_tokenise_seconds", "Tokenising what a batch is cut from.", MODEL, BRIEF)

# The processes.
CHILD_UP = _gauge("veriaidpo_child_up", "1 while an inference child is ready, else 0.")
CHILD_RESTARTS = _counter("veriaidpo_child_restarts_total", "Children that became ready after the first.")
CHILD_DEATHS = _counter("veriaidpo_child_deaths_total", "Children that died, hung or sent garbage.")
POISON = _counter("veriaidpo_poison_records_total", "Records that end every child they go to.", MODEL)
RESIDENT = _gauge("veriaidpo_resident_bytes", "Resident memory of the worker and of its child.", PROCESS)

TABLE: Final = tuple(row for row in tuple(globals().values()) if isinstance(row, Metric))
