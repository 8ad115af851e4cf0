"""How a result is shown: columns for people, fields for programs. Texts are the normalised ones only."""

from __future__ import annotations

from enum import StrEnum

from rich.text import Text

from schemas.events import ClassificationResult
from schemas.taxonomy import MODEL_TYPES

TEXT_WIDTH = 56


class Format(StrEnum):
    """How a command prints answers."""

    TABLE = "table"
    JSONL = "jsonl"


def cells(result: ClassificationResult) -> list[Text]:
    """A result's columns, from the model type to the confidence.

    Whoever wrote the text chose its letters: none of them is markup here, and none commands the terminal.
    """
    text = "".join(letter if letter.isprintable() else " " for letter in result.normalized_text)
    columns = (
        result.model_type,
        text if len(text) <= TEXT_WIDTH else text[: TEXT_WIDTH - 1] + "…",
        result.prediction,
        label_vi(result),
        f"{result.confidence:.2f}",
    )
    return [Text(column) for column in columns]


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
