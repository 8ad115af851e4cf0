"""What worker and child say to each other, as msgpack arrays that begin with their kind.

    child  -> worker   Ready | Unusable, once; then BatchResults, in the order of the batches
    worker -> child    ClassifyBatch

Both ends are always the same build, so a message has exactly these fields; anything else is garbage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgpack

from streams.inference.frames import GarbageOnLink
from streams.inference.protocol import Classification, Item, ItemFailure, ModelInfo, Outcome


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is loaded; batches may come."""

    models: Mapping[str, ModelInfo]
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Unusable:
    """The engine can't be loaded; `reason` is an error's code or an exception's class, nothing private."""

    reason: str


@dataclass(frozen=True, slots=True)
class ClassifyBatch:
    """Classify these; answer with the same id."""

    batch_id: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class BatchResults:
    """An outcome for each item of the batch, in its order."""

    batch_id: int
    outcomes: tuple[Outcome, ...]


FromChild: TypeAlias = Ready | Unusable | BatchResults


def encode_from_child(message: FromChild) -> bytes:
    """The message as msgpack."""
    match message:
        case BatchResults(batch_id, outcomes):
            return _pack([_RESULTS, batch_id, [_outcome_fields(outcome) for outcome in outcomes]])
        case Ready(models, max_tokens):
            table = {name: [m.model_id, m.version, list(m.labels)] for name, m in models.items()}
            return _pack([_READY, table, max_tokens])
        case Unusable(reason):
            return _pack([_UNUSABLE, reason])


def decode_from_child(payload: bytes) -> FromChild:
    """What the child said; GarbageOnLink."""
    try:
        match _unpack(payload):
            case [str(kind), int(batch_id), list(outcomes)] if kind == _RESULTS:
                return BatchResults(batch_id, tuple([_outcome(fields) for fields in outcomes]))
            case [str(kind), dict(table), int(max_tokens)] if kind == _READY:
                return Ready({str(name): _model(fields) for name, fields in table.items()}, max_tokens)
            case [str(kind), str(reason)] if kind == _UNUSABLE:
                return Unusable(reason)
    except (TypeError, ValueError) as error:
        raise GarbageOnLink("a message whose fields don't fit") from error
    raise GarbageOnLink("a message of no known kind")


def encode_batch(batch_id: int, items: Sequence[Item]) -> bytes:
    """A ClassifyBatch as msgpack; UnicodeEncodeError where a text has lone surrogates."""
    return _pack([_BATCH, batch_id, [(item.model_type, item.text) for item in items]])


def decode_batch(payload: bytes) -> ClassifyBatch:
    """What the worker asked for; GarbageOnLink."""
    try:
        match _unpack(payload):
            case [str(kind), int(batch_id), list(items)] if kind == _BATCH:
                return ClassifyBatch(batch_id, tuple([_item(fields) for fields in items]))
    except (TypeError, ValueError) as error:
        raise GarbageOnLink("a message whose fields don't fit") from error
    raise GarbageOnLink("a message of no known kind")


_READY: Final = "ready"
_UNUSABLE: Final = "unusable"
_BATCH: Final = "batch"
_RESULTS: Final = "results"


def _pack(value: Sequence[object]) -> bytes:
    packed = msgpack.packb(value, use_bin_type=True)
    assert isinstance(packed, bytes)  # noqa: S101 - packb without a stream always returns bytes
    return packed


def _unpack(payload: bytes) -> object:
    try:
        value: object = msgpack.unpackb(payload, raw=False, strict_map_key=True)
    except (ValueError, msgpack.UnpackException) as error:
        raise GarbageOnLink("a frame that is no msgpack") from error
    return value


def _outcome_fields(outcome: Outcome) -> list[object]:
    if isinstance(outcome, ItemFailure):
        return [outcome.code, dict(outcome.details)]
    return [
        outcome.category_id,
        outcome.scores,
        outcome.tokens,
        outcome.truncated,
        outcome.tokenise_ms,
        outcome.infer_ms,
        outcome.batch_size,
        outcome.padding_share,
    ]


def _outcome(fields: object) -> Outcome:
    if not isinstance(fields, list):
        raise TypeError("an outcome is a list")
    if tuple(map(type, fields)) == _CLASSIFICATION:
        fields[1] = tuple(map(float, fields[1]))
        return Classification(*fields)
    match fields:
        case [str(code), dict(details)]:
            return ItemFailure(code, {str(name): str(value) for name, value in details.items()})
    raise TypeError("neither a classification nor a failure")


# Types compared in one go: a pattern a field, for every record, took as long as its Avro.
_CLASSIFICATION: Final = (int, list, int, bool, float, float, int, float)


def _model(fields: object) -> ModelInfo:
    match fields:
        case [str(model_id), str(version), list(labels)]:
            return ModelInfo(model_id, version, tuple([str(label) for label in labels]))
    raise TypeError("not a model")


def _item(fields: object) -> Item:
    match fields:
        case [str(model_type), str(text)]:
            return Item(model_type, text)
    raise TypeError("not an item")
