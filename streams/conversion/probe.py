"""The probe set: sentences that conversions are judged on."""

from __future__ import annotations

import json
from pathlib import Path


def read_probe(path: Path) -> list[str]:
    """The texts of a JSON lines file with a `text` in each line; company names replaced already."""
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line]
