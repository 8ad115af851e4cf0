"""The Avro schemas as files, parsed once, and told apart by fingerprint.

A writer's schema is known when its fingerprint (CRC-64-AVRO of the parsing canonical form, which leaves
out docs, defaults and logical types) is that of a current or released file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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
        raise UnknownSchema(fingerprint="(unreadable)", fingerprint_vi="(không đọc được)") from error
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


def _refuse_unbounded(schema: Json, *, in_union: bool = False) -> None:
    """Refuse schemas from outside with which few bytes can cost much: what isn't listed here isn't taken.

    A record inside itself overflows the decoder's stack, which ends the process; what takes no bytes (null,
    a record without fields) is decoded a million times out of a few. Here everything takes a byte or more,
    so decoding costs what its bytes cost. Ours keep to this, and a compatible successor needs no more.
    """
    match schema:
        case "null" if in_union:  # the branch's number takes its byte
            pass
        case "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string":
            pass
        case [_, *_] if not in_union:
            for branch in schema:
                _refuse_unbounded(branch, in_union=True)
        case {"type": "record", "fields": [_, *_] as fields}:
            for field in fields:
                _refuse_unbounded(field["type"] if isinstance(field, dict) else None)
        case {"type": "array", "items": items}:
            _refuse_unbounded(items)
        case {"type": "enum", "symbols": [_, *_]}:
            pass
        case {"type": str() | dict() as inner} if inner not in ("record", "array", "enum"):
            _refuse_unbounded(inner, in_union=in_union)
        case _:
            raise ValueError("this part of the schema isn't used here")
