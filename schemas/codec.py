"""Avro values: single-object encoding, and Confluent framing where a schema registry is configured.

Either is read by its marker, whatever is configured for writing:

    C3 01 | CRC-64-AVRO fingerprint, 8 bytes little-endian | Avro
    00    | schema id, 4 bytes big-endian                  | Avro
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, Protocol, TypeAlias, cast

from fastavro import schemaless_reader, schemaless_writer
from msgspec import structs

from .avro_schemas import EVENT_NAMES, WriterSchema, current_json, known_writers, writer_of
from .errors import BadRecord, NotAvro, TrailingBytes, TruncatedRecord, UnknownSchema
from .events import (
    ClassificationFailure,
    ClassificationRequest,
    ClassificationResult,
    Event,
    ModelStatus,
    Score,
    Timings,
)
from .limits import MAX_VALUE_BYTES
from .result_writer import write_result

__all__ = ["Codec", "Event", "SchemaRegistry"]

SINGLE_OBJECT = b"\xc3\x01"
CONFLUENT = b"\x00"
_SINGLE_OBJECT_HEADER = 10
_CONFLUENT_HEADER = 5


class SchemaRegistry(Protocol):
    """What the codec asks of a registry; answers are cached there, one that is away is retriable."""

    def id_for(self, name: str, schema_json: str) -> int:
        """The id of that schema, registered under the record's name where it isn't yet."""

    def schema_for(self, schema_id: int) -> str:
        """The schema of that id; UnknownSchema where the registry says there is none."""


class Codec:
    """Events to bytes and back. Holds no connection and no clock; one serves a whole process."""

    def __init__(self, registry: SchemaRegistry | None = None) -> None:
        self._registry = registry
        self._writers = known_writers()
        self._by_id: dict[int, WriterSchema] = {}
        self._current = {writer.event: writer for writer in self._writers.values() if writer.is_current}
        self._prefixes = {
            event: SINGLE_OBJECT + writer.fingerprint for event, writer in self._current.items()
        }
        if registry is not None:
            self._prefixes.clear()  # filled by `register` or at first use

    def register(self) -> None:
        """Ask the registry for every schema's id now, so that no encode waits for it (blocks)."""
        for event in EVENT_NAMES:
            self._prefix(event)

    def knows(self, value: bytes | None) -> bool:
        """Whether decode can answer without asking the registry; where not, decode in a thread."""
        return (
            self._registry is None
            or not value
            or value[:1] != CONFLUENT
            or len(value) < _CONFLUENT_HEADER
            or int.from_bytes(value[1:_CONFLUENT_HEADER], "big") in self._by_id
        )

    def encode(self, event: Event) -> bytes:
        """The event under its current schema."""
        name = type(event).__name__
        prefix = self._prefixes.get(name) or self._prefix(name)
        if isinstance(event, ClassificationResult):
            return prefix + write_result(event)
        out = BytesIO()
        out.write(prefix)
        schemaless_writer(out, self._current[name].parsed, _TO_AVRO[type(event)](event))
        return out.getvalue()

    def decode(self, value: bytes | None) -> Event:
        """The event in a value, whichever of our schemas wrote it.

        Raises NotAvro, UnknownSchema, TruncatedRecord or TrailingBytes; with a registry also its Unavailable.
        """
        if not value:
            raise NotAvro(reason="the value is empty", reason_vi="giá trị trống")
        if len(value) > MAX_VALUE_BYTES:
            raise NotAvro(
                reason=f"the value is larger than {MAX_VALUE_BYTES} bytes",
                reason_vi=f"giá trị lớn hơn {MAX_VALUE_BYTES} byte",
            )
        writer, start = self._writer(value)
        stream = BytesIO(value)
        stream.seek(start)
        reader_schema = None if writer.is_current else self._current[writer.event].parsed
        try:
            fields = schemaless_reader(stream, writer.parsed, reader_schema)
        except EOFError as error:
            raise _truncated(value, writer) from error
        except UnicodeDecodeError as error:
            raise NotAvro(
                reason="a string in it isn't UTF-8", reason_vi="có chuỗi không phải UTF-8"
            ) from error
        except Exception as error:  # whatever fastavro trips over, these bytes are no record of ours
            raise _malformed(value, stream, writer) from error
        if stream.tell() != len(value):
            trailing = len(value) - stream.tell()
            raise TrailingBytes(
                reason=f"{trailing} bytes after {writer.event}",
                reason_vi=f"{trailing} byte sau {writer.event}",
            )
        return _FROM_AVRO[writer.event](cast(_Fields, fields))

    def _prefix(self, event: str) -> bytes:
        if self._registry is not None and event not in self._prefixes:
            schema_id = self._registry.id_for(event, current_json(event))
            self._prefixes[event] = CONFLUENT + schema_id.to_bytes(4, "big")
        return self._prefixes[event]

    def _writer(self, value: bytes) -> tuple[WriterSchema, int]:
        if value[:2] == SINGLE_OBJECT:
            if len(value) < _SINGLE_OBJECT_HEADER:
                raise TruncatedRecord(
                    reason="the schema's fingerprint is cut off", reason_vi="mã băm của lược đồ bị cắt cụt"
                )
            fingerprint = value[2:_SINGLE_OBJECT_HEADER]
            writer = self._writers.get(fingerprint)
            if writer is None:
                raise UnknownSchema(fingerprint=fingerprint[::-1].hex())
            return writer, _SINGLE_OBJECT_HEADER
        if value[:1] == CONFLUENT:
            if len(value) < _CONFLUENT_HEADER:
                raise TruncatedRecord(
                    reason="the schema's id is cut off", reason_vi="mã số của lược đồ bị cắt cụt"
                )
            return self._registered(int.from_bytes(value[1:_CONFLUENT_HEADER], "big")), _CONFLUENT_HEADER
        raise NotAvro(
            reason="it begins with neither C3 01 (single object) nor 00 (schema registry)",
            reason_vi="không bắt đầu bằng C3 01 (single object) hay 00 (schema registry)",
        )

    def _registered(self, schema_id: int) -> WriterSchema:
        writer = self._by_id.get(schema_id)
        if writer is None:
            if self._registry is None:
                raise UnknownSchema(
                    fingerprint=f"{schema_id} of a schema registry (none is configured)",
                    fingerprint_vi=f"{schema_id} của schema registry (chưa cấu hình)",
                )
            writer = writer_of(self._registry.schema_for(schema_id))
            # A schema that we ship is read the fast way, whoever registered it.
            writer = self._writers.get(writer.fingerprint, writer)
            self._by_id[schema_id] = writer
        return writer


def _failure(event: ClassificationFailure) -> dict[str, object]:
    return {
        "request_id": event.request_id,
        "tenant_id": event.tenant_id,
        "model_type": event.model_type,
        "code": event.code,
        "retriable": event.retriable,
        "message": event.message,
        "message_vi": event.message_vi,
        "retry_after_s": event.retry_after_s,
        "failed_at": event.failed_at_ms,
    }


def _status(event: ModelStatus) -> dict[str, object]:
    return {
        "worker_id": event.worker_id,
        "start_id": event.start_id,
        "model_type": event.model_type,
        "ready": event.ready,
        "model_id": event.model_id,
        "model_version": event.model_version,
        "sent_at": event.sent_at_ms,
    }


# fastavro's own types: a dictionary of whatever the schema says.
_Fields: TypeAlias = dict[str, Any]


def _read_result(fields: _Fields) -> ClassificationResult:
    scores = tuple(Score(**score) for score in fields.pop("scores"))
    companies = tuple(fields.pop("detected_companies"))
    timings = Timings(**fields.pop("timings"))
    requested_at_ms, completed_at_ms = fields.pop("requested_at"), fields.pop("completed_at")
    return ClassificationResult(
        **fields,
        scores=scores,
        detected_companies=companies,
        timings=timings,
        requested_at_ms=requested_at_ms,
        completed_at_ms=completed_at_ms,
    )


def _read_failure(fields: _Fields) -> ClassificationFailure:
    failed_at_ms = fields.pop("failed_at")
    return ClassificationFailure(**fields, failed_at_ms=failed_at_ms)


def _read_status(fields: _Fields) -> ModelStatus:
    sent_at_ms = fields.pop("sent_at")
    return ModelStatus(**fields, sent_at_ms=sent_at_ms)


_TO_AVRO: dict[type, Callable[[Any], dict[str, object]]] = {
    ClassificationRequest: structs.asdict,
    ClassificationFailure: _failure,
    ModelStatus: _status,
}
_FROM_AVRO: dict[str, Callable[[_Fields], Event]] = {
    "ClassificationRequest": lambda fields: ClassificationRequest(**fields),
    "ClassificationResult": _read_result,
    "ClassificationFailure": _read_failure,
    "ModelStatus": _read_status,
}


def _malformed(value: bytes, stream: BytesIO, writer: WriterSchema) -> BadRecord:
    # fastavro meets the end of the bytes in several ways; where it stopped tells truncation from nonsense.
    if stream.tell() >= len(value):
        return _truncated(value, writer)
    return NotAvro(
        reason=f"these bytes are no {writer.event}", reason_vi=f"các byte này không phải {writer.event}"
    )


def _truncated(value: bytes, writer: WriterSchema) -> TruncatedRecord:
    return TruncatedRecord(
        reason=f"{len(value)} bytes are not a whole {writer.event}",
        reason_vi=f"{len(value)} byte chưa đủ một {writer.event}",
    )
