"""A measured figure, held against its target, as a row of bench/results/*.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One figure; `peer` says what it was measured against in the same run, where it is a comparison."""

    name: str
    value: float
    unit: str
    target: float
    better: Literal["higher", "lower"]
    peer: str
    command: str = ""

    @property
    def holds(self) -> bool:
        """Whether the value reaches its target."""
        return self.value >= self.target if self.better == "higher" else self.value <= self.target

    @property
    def row(self) -> dict[str, str | float | bool]:
        """The figure as it is written down."""
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "target": self.target,
            "holds": self.holds,
            "peer": self.peer,
            "command": self.command or f"make bench ONLY={self.name}",
        }


def write(figures: Sequence[Figure], folder: Path = RESULTS) -> None:
    """Write each figure to a file of its own, so that a run of one leaves the others as they were."""
    folder.mkdir(parents=True, exist_ok=True)
    for figure in figures:
        text = json.dumps(figure.row, indent=1, ensure_ascii=False) + "\n"
        (folder / f"{figure.name}.json").write_text(text, encoding="utf-8")
