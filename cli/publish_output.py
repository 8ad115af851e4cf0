"""How outcomes of publishing are shown: a table for people, JSON lines for programs."""

from __future__ import annotations

import json
from collections import Counter
from typing import TextIO

from rich.console import Console
from rich.table import Table

from cli.publish_run import Outcome
from cli.result_output import cells, result_fields
from schemas.errors import VeriAIDPOError

ROWS_A_TABLE = 500


class TableOutput:
    """A table of answers; a new one begins every 500 rows, so that no file is too long."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        if outcome.result is not None:
            self._rows.append(outcome)
            if len(self._rows) == ROWS_A_TABLE:
                self.close()

    def close(self) -> None:
        """Print what has gathered."""
        if not self._rows:
            return
        table = Table("line", "model type", "text", "prediction", "nhãn", "confidence", "ms")
        for row in sorted(self._rows, key=lambda row: row.number):
            if row.result is not None:
                table.add_row(str(row.number), *cells(row.result), f"{row.elapsed_s * 1000:.0f}")
        self._console.print(table)
        self._rows.clear()


class JsonLinesOutput:
    """One JSON object a line, as outcomes come."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def add(self, outcome: Outcome) -> None:
        line: dict[str, object] = {"line": outcome.number}
        if outcome.request_id is not None:
            line |= {"request_id": outcome.request_id, "model_type": outcome.model_type}
        if outcome.result is not None:
            line |= result_fields(outcome.result) | {"elapsed_ms": round(outcome.elapsed_s * 1000, 1)}
        if outcome.problem is not None:
            line["error"] = _problem_fields(outcome.problem)
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.flush()


def problem_lines(outcome: Outcome) -> list[str]:
    """What a person reads about a line that failed, in English and Vietnamese."""
    problem = outcome.problem
    if problem is None:
        return []
    return [f"line {outcome.number}: {problem.code}: {problem.text}", f"  {problem.text_vi}"]


def summary(counts: Counter[str], *, waited: bool, elapsed_s: float) -> str:
    """The last line: how many of how many, and what failed."""
    done = counts["done"]
    failures = {code: count for code, count in sorted(counts.items()) if code != "done"}
    said = f"{done} of {counts.total()} {'answered' if waited else 'published'} in {elapsed_s:.1f} s"
    return said + "".join(f", {count} {code}" for code, count in failures.items())


def outcome_code(outcome: Outcome) -> str:
    """What the summary counts an outcome as."""
    return "done" if outcome.problem is None else outcome.problem.code


def _problem_fields(problem: VeriAIDPOError) -> dict[str, object]:
    return {
        "code": problem.code,
        "message": problem.text,
        "message_vi": problem.text_vi,
        "retriable": problem.retriable,
    }
