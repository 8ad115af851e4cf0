"""The Avro schemas as files, parsed once, and told apart by fingerprint.

A writer's schema is known when its fingerprint (CRC-64-AVRO of the parsing canonical form, which leaves
out docs, defaults and logical types) is that of a current or released file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TypeAlias

from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form
from fastavro.types import Schema

from .errors import UnknownSchema

NAMESPACE = "vn.veriaidpo.streams"
EVENT_NAMES = ("ClassificationRequest", "ClassificationResult", "ClassificationFailure", "ModelStatus")

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class WriterSchema:
    """A schema that values may be written with."""

    event: str
    parsed: Schema
    fingerprint: bytes
    """Eight bytes, little-endian: as single-object encoding writes them."""
    is_current: bool


def current_json(event: str) -> str:
    """The current schema's file, as it is registered."""
    return _avro().joinpath(f"{event}.avsc").read_text(encoding="utf-8")


def released_versions() -> Mapping[int, Mapping[str, str]]:
    """Every released version: its schema files by event name."""
    return {
        int(folder.name): {
            file.name.removesuffix(".avsc"): file.read_text(encoding="utf-8")
            for file in folder.iterdir()
            if file.name.endswith(".avsc")
        }
        for folder in _avro().joinpath("released").iterdir()
        if folder.name.isdigit()
    }


def known_writers() -> dict[bytes, WriterSchema]:
    """Current and released schemas by fingerprint."""
    writers: dict[bytes, WriterSchema] = {}
    for files_of_version in released_versions().values():
        for text in files_of_version.values():
            writer = writer_of(text)
            writers[writer.fingerprint] = writer
    for event in EVENT_NAMES:
        writer = writer_of(current_json(event), is_current=True)
        writers[writer.fingerprint] = writer
    return writers


def writer_of(text: str, *, is_current: bool = False) -> WriterSchema:
    """A schema's text, parsed; UnknownSchema where it isn't one of ours or isn't safe to read with."""
    try:
        schema: Json = json.loads(text)
        _refuse_unbounded(schema)
        # Logical types would make fastavro build datetimes: times stay whole numbers here.
        plain = _without_logical_types(schema)
        if not isinstance(plain, dict):
            raise TypeError("not a record")
        parsed = parse_schema(plain)
        canonical = to_parsing_canonical_form(parsed)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnknownSchema(fingerprint="(unreadable)") from error
    crc = bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))
    name = str(parsed.get("name", "")) if isinstance(parsed, dict) else ""
    namespace, _, event = name.rpartition(".")
    if namespace != NAMESPACE or event not in EVENT_NAMES:
        raise UnknownSchema(fingerprint=crc[::-1].hex())
    return WriterSchema(event, parsed, crc, is_current)


def _avro() -> Traversable:
    return files(__package__).joinpath("avro")


def _without_logical_types(schema: Json) -> Json:
    if isinstance(schema, list):
        return [_without_logical_types(part) for part in schema]
    if isinstance(schema, dict):
        return {key: _without_logical_types(part) for key, part in schema.items() if key != "logicalType"}
    return schema


def _refuse_unbounded(schema: Json) -> None:
    """Refuse schemas from outside with which few bytes can cost much.

    Items of no size make an array of 2^60 out of nine bytes; a record inside itself overflows the stack.
    Ours have neither, and a compatible successor needs neither.
    """
    for part in _parts(schema):
        if part.get("type") in ("map", "fixed"):
            raise ValueError("maps and fixed are not used here")
        if part.get("type") == "array" and not _has_size(part.get("items")):
            raise ValueError("array items without a size")
        for field_type in _field_types(part):
            if isinstance(field_type, str) and field_type not in _PRIMITIVES:
                raise ValueError("named references are not used here")


_PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}


def _parts(schema: Json) -> Iterator[dict[str, Json]]:
    if isinstance(schema, list):
        for part in schema:
            yield from _parts(part)
    elif isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from _parts(part)


def _field_types(part: dict[str, Json]) -> Iterator[Json]:
    if part.get("type") == "array":
        yield part.get("items")
    fields = part.get("fields")
    for field in fields if isinstance(fields, list) else ():
        kind = field.get("type") if isinstance(field, dict) else None
        yield from kind if isinstance(kind, list) else (kind,)


def _has_size(items: Json) -> bool:
    if isinstance(items, str):
        return items != "null"
    if isinstance(items, list):
        return True  # the union's branch number takes a byte
    if not isinstance(items, dict):
        return False
    if items.get("type") == "record":
        return any(_has_size(kind) for kind in _field_types(items))
    return _has_size(items.get("type")) or items.get("type") in ("array", "enum")
