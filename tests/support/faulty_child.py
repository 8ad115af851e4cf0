"""Inference children that misbehave on command: `python faulty_child.py FOLDER`, run by the worker's side.

What a text says is what the engine does with it; `FOLDER` is where it keeps count across restarts.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from streams.inference.child import run_child
from streams.inference.constant import ConstantEngine
from streams.inference.protocol import Item, Outcome

RAISE = "raise"
DIE = "die"
DIE_ONCE = "die once"
HANG = "hang"
HANG_ONCE = "hang once"
GARBAGE_ONCE = "garbage once"
PRINT = "print"
SLOW = "slow"
SLOW_S = 0.3


class FaultyEngine(ConstantEngine):
    """The constant engine, but for what the texts above make it do."""

    def __init__(self, folder: Path, sink: int) -> None:
        super().__init__()
        self._folder = folder
        self._sink = sink

    def classify(self, items: Sequence[Item]) -> list[Outcome]:
        with (self._folder / "batches").open("a") as file:
            file.write(f"{os.getpid()} {len(items)}\n")
        for item in items:
            self._misbehave(item.text)
        return super().classify(items)

    def _misbehave(self, text: str) -> None:
        if text == RAISE:
            raise LookupError("a fault of the engine's")
        if text == DIE or (text == DIE_ONCE and self._first(text)):
            os._exit(11)
        if text == HANG or (text == HANG_ONCE and self._first(text)):
            time.sleep(3600)
        if text == GARBAGE_ONCE and self._first(text):
            os.write(self._sink, b"a native library says hello on the frames' own descriptor\n")
        if text == PRINT:
            os.write(1, b"a native library says hello on stdout\n")
        if text == SLOW:
            time.sleep(SLOW_S)

    def _first(self, text: str) -> bool:
        marker = self._folder / text.replace(" ", "-")
        if marker.exists():
            return False
        marker.touch()
        return True


def batches(folder: Path) -> list[tuple[int, int]]:
    """What the children computed, in order: (process id, items)."""
    lines = (folder / "batches").read_text().splitlines() if (folder / "batches").exists() else []
    return [(int(pid), int(items)) for pid, items in (line.split() for line in lines)]


if __name__ == "__main__":
    # The link is on copies of 0 and 1 as soon as the child runs; this third copy is for garbage.
    copy = os.dup(1)
    sys.exit(run_child(lambda: FaultyEngine(Path(sys.argv[1]), copy)))
