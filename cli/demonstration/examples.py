"""The example sentences: one JSON object a line, some of them malformed on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from schemas.errors import ConfigurationError

EXAMPLES_DIR = Path(__file__).parents[2] / "examples"


class Example(BaseModel):
    """One line of examples/*.jsonl; `malformed` names how the demonstration spoils its record."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    model_type: str
    language: str = "vi"
    malformed: str | None = None


def read_examples(folder: Path = EXAMPLES_DIR) -> list[Example]:
    """Every example, file by file in the order of their names; ConfigurationError where there are none."""
    if not folder.is_dir():
        raise ConfigurationError(
            setting="examples",
            reason=f"there is no folder {folder}; run it in the project's tree",
        )
    return list(_lines(folder))


def _lines(folder: Path) -> Iterator[Example]:
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield Example.model_validate_json(line)
