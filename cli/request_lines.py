"""A file of JSON lines as requests: one object a line, a bad line named by its number."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from schemas.errors import CallerError

STANDARD_INPUT = Path("-")
LINES_AT_ONCE = 256
OPTIONAL_FIELDS = ("model_type", "language", "request_id")


@dataclass(frozen=True)
class RequestLine:
    """What a line asks for; None where it leaves the choice to the command."""

    number: int
    text: str
    model_type: str | None = None
    language: str | None = None
    request_id: str | None = None


class MalformedLine(CallerError):
    """A line of a file is no request (details: number, reason)."""

    code = "MALFORMED_LINE"
    message = "The line is no request: {reason}. Correct it and publish it again."
    message_vi = "Dòng này không phải là yêu cầu: {reason}. Hãy sửa và gửi lại."

    def __init__(self, number: int, reason: str, reason_vi: str) -> None:
        super().__init__(number=number, reason=reason, reason_vi=reason_vi)
        self.number = number


async def read_lines(path: Path) -> AsyncIterator[tuple[RequestLine | MalformedLine, int]]:
    """Each line that isn't blank, with its size in bytes; reads in a thread, a little at a time.

    From standard input one line at a time, so that a slow writer's line is taken when it comes.
    """
    at_once = 1 if path == STANDARD_INPUT else LINES_AT_ONCE
    stream: BinaryIO = (
        sys.stdin.buffer if path == STANDARD_INPUT else await asyncio.to_thread(path.open, "rb")
    )
    number = 0
    try:
        while lines := await asyncio.to_thread(lambda: list(islice(stream, at_once))):
            for line in lines:
                number += 1
                if line.strip():
                    yield parse_line(number, line), len(line)
    finally:
        if path != STANDARD_INPUT:
            stream.close()


def parse_line(number: int, line: bytes) -> RequestLine | MalformedLine:
    """Fields that aren't ours are left alone: corpora carry labels of their own."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        column = error.colno if isinstance(error, json.JSONDecodeError) else 1
        return MalformedLine(number, f"not JSON at column {column}", f"không phải JSON tại cột {column}")
    if not isinstance(content, dict):
        return MalformedLine(number, "not a JSON object", "không phải đối tượng JSON")
    text = content.get("text")
    if not isinstance(text, str):
        return MalformedLine(number, "'text' is missing or no string", "'text' thiếu hoặc không phải chuỗi")
    options = {name: content[name] for name in OPTIONAL_FIELDS if content.get(name) is not None}
    for name, value in options.items():
        if not isinstance(value, str):
            return MalformedLine(number, f"'{name}' is no string", f"'{name}' không phải chuỗi")
    return RequestLine(number, text, **options)
