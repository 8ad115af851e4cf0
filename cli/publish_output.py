"""How outcomes of publishing and results are shown: tables for people, JSON lines for programs."""

from __future__ import annotations

import json
from collections import Counter
from typing import TextIO

from rich.console import Console
from rich.table import Table

from cli.publish_run import Outcome
from cli.request_lines import MalformedLine
from schemas.errors import VeriAIDPOError
from schemas.events import ClassificationResult
from schemas.taxonomy import MODEL_TYPES

MALFORMED = "MALFORMED_LINE"
ROWS_A_TABLE = 500
TEXT_WIDTH = 56


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


def cells(result: ClassificationResult) -> list[str]:
    """A result's columns, from the model type to the confidence. The text is the normalised one only."""
    text = result.normalized_text
    return [
        result.model_type,
        text if len(text) <= TEXT_WIDTH else text[: TEXT_WIDTH - 1] + "…",
        result.prediction,
        label_vi(result),
        f"{result.confidence:.2f}",
    ]


def result_fields(result: ClassificationResult) -> dict[str, object]:
    """A result for a program, without its timings and the scores of the other labels."""
    return {
        "result_id": result.result_id,
        "request_id": result.request_id,
        "tenant_id": result.tenant_id,
        "model_type": result.model_type,
        "language": result.language,
        "prediction": result.prediction,
        "prediction_vi": label_vi(result),
        "category_id": result.category_id,
        "confidence": round(result.confidence, 6),
        "model_id": result.model_id,
        "model_version": result.model_version,
        "normalized_text": result.normalized_text,
        "detected_companies": list(result.detected_companies),
        "completed_at_ms": result.completed_at_ms,
    }


def label_vi(result: ClassificationResult) -> str:
    """The label's Vietnamese name; empty where a newer model answered with a label unknown here."""
    known = MODEL_TYPES.get(result.model_type)
    labels = {label.category_id: label.name_vi for label in known.labels} if known else {}
    return labels.get(result.category_id, "")


def problem_lines(outcome: Outcome) -> list[str]:
    """What a person reads about a line that failed, in English and Vietnamese."""
    problem = outcome.problem
    if problem is None:
        return []
    if isinstance(problem, MalformedLine):
        return [f"line {outcome.number}: {MALFORMED}: {problem.reason} / dòng không hợp lệ"]
    return [f"line {outcome.number}: {problem.code}: {problem.text}", f"  {problem.text_vi}"]


def summary(counts: Counter[str], *, waited: bool, elapsed_s: float) -> str:
    """The last line: how many of how many, and what failed."""
    done = counts["done"]
    failures = {code: count for code, count in sorted(counts.items()) if code != "done"}
    said = f"{done} of {counts.total()} {'answered' if waited else 'published'} in {elapsed_s:.1f} s"
    return said + "".join(f", {count} {code}" for code, count in failures.items())


def outcome_code(outcome: Outcome) -> str:
    """What the summary counts an outcome as."""
    if outcome.problem is None:
        return "done"
    return MALFORMED if isinstance(outcome.problem, MalformedLine) else outcome.problem.code


def _problem_fields(problem: MalformedLine | VeriAIDPOError) -> dict[str, object]:
    if isinstance(problem, MalformedLine):
        return {"code": MALFORMED, "message": problem.reason, "retriable": False}
    return {
        "code": problem.code,
        "message": problem.text,
        "message_vi": problem.text_vi,
        "retriable": problem.retriable,
    }
