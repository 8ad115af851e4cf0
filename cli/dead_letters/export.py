"""Letters into a file: whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from cli.dead_letters.output import exported_fields
from connectors.dead_letters.letter import DeadLetter
from schemas.errors import OperatorError


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A file for the owner's eyes that appears under its name once it is complete.

    OperatorError where something has that name already, or it can't be written.
    """
    if path.exists():
        raise OperatorError(reason=f"{path} exists already, and nothing is overwritten")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                yield file
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        what = error.strerror or type(error).__name__
        raise OperatorError(reason=f"{path} can't be written ({what})") from error


def write_letter(file: TextIO, letter: DeadLetter) -> None:
    """One line."""
    file.write(json.dumps(exported_fields(letter)) + "\n")
