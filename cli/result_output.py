"""How a result is shown: columns for people, fields for programs. Texts are the normalised ones only."""

from __future__ import annotations

from enum import StrEnum

from rich.text import Text

from schemas.events import ClassificationResult
from schemas.taxonomy import label_vi

TEXT_WIDTH = 56


class Format(StrEnum):
    """How a command prints answers."""

    TABLE = "table"
    JSONL = "jsonl"


def cells(result: ClassificationResult) -> list[Text]:
    """A result's columns, from the model type to the confidence.

    Whoever wrote the text chose its letters: none of them is markup here, and none commands the terminal.
    """
    columns = (
        result.model_type,
        shown_text(result.normalized_text),
        result.prediction,
        label_vi(result.model_type, result.category_id),
        f"{result.confidence:.2f}",
    )
    return [Text(column) for column in columns]


def shown_text(text: str) -> str:
    """As much of a text as a column holds, without anything that would command the terminal."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return printable if len(printable) <= TEXT_WIDTH else printable[: TEXT_WIDTH - 1] + "…"


def result_fields(result: ClassificationResult) -> dict[str, object]:
    """A result for a program, without its timings and the scores of the other labels."""
    return {
        "result_id": result.result_id,
        "request_id": result.request_id,
        "tenant_id": result.tenant_id,
        "model_type": result.model_type,
        "language": result.language,
        "prediction": result.prediction,
        "prediction_vi": label_vi(result.model_type, result.category_id),
        "category_id": result.category_id,
        "confidence": round(result.confidence, 6),
        "model_id": result.model_id,
        "model_version": result.model_version,
        "normalized_text": result.normalized_text,
        "detected_companies": list(result.detected_companies),
        "completed_at_ms": result.completed_at_ms,
    }
