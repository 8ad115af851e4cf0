"""Examples for the OpenAPI document, in each language: requests that work, and answers to them."""

from __future__ import annotations

from collections.abc import Mapping

from api.batch_bodies import BatchResponse, BatchResult
from api.bodies import ClassifyResponse, ErrorDetail, ProcessingMetadata
from schemas.errors import EmptyText
from schemas.taxonomy import MODEL_TYPES

Examples = Mapping[str, Mapping[str, object]]

_SENTENCES: Mapping[str, tuple[str, str]] = {
    "principles": (
        "Vietcombank chỉ thu thập dữ liệu cá nhân cần thiết cho việc mở tài khoản.",
        "We collect only the personal data that opening an account requires.",
    ),
    "legal_basis": (
        "Khách hàng đã đồng ý bằng văn bản cho việc xử lý dữ liệu của mình.",
        "The customer has agreed in writing to the processing of their data.",
    ),
    "breach_triage": (
        "Danh sách 12.000 khách hàng bị lộ trên một diễn đàn công khai.",
        "A list of 12,000 customers was leaked on a public forum.",
    ),
    "cross_border": (
        "Dữ liệu nhân viên được lưu trên máy chủ đặt tại Singapore.",
        "Employee data is stored on servers in Singapore.",
    ),
}

_PREDICTIONS: Mapping[str, str] = {
    "principles": "Data Minimization",
    "legal_basis": "Consent",
    "breach_triage": "Critical Risk",
    "cross_border": "Approved Country List",
}


def sentence_examples(model_type: str) -> Examples:
    """A sentence in each language, for a route that fixes the model type."""
    vietnamese, english = _SENTENCES[model_type]
    return {
        "vi": {
            "summary": "Câu tiếng Việt",
            "value": {"text": vietnamese, "language": "vi", "include_metadata": True},
        },
        "en": {
            "summary": "A sentence in English",
            "value": {"text": english, "language": "en", "include_metadata": False},
        },
    }


def answer_examples(model_type: str) -> Examples:
    """What `sentence_examples` are answered with."""
    labels = MODEL_TYPES[model_type].labels
    vietnamese, english = _SENTENCES[model_type]
    label = next(label for label in labels if label.name == _PREDICTIONS[model_type])
    answer = ClassifyResponse(
        prediction=label.name,
        confidence=0.97,
        category_id=label.category_id,
        model_type=model_type,
        language="en",
        normalized_text=english,
        detected_companies=[],
        original_text=english,
        processing_metadata=None,
    )
    metadata = ProcessingMetadata(
        processing_time_ms=21.4,
        normalization_applied="Vietcombank" in vietnamese,
        companies_detected=vietnamese.count("Vietcombank"),
        model_categories=[each.name for each in labels],
        timestamp="2026-01-05T08:30:00.000+00:00",
    )
    in_vietnamese = answer.model_copy(
        update={
            "language": "vi",
            "original_text": vietnamese,
            "normalized_text": vietnamese.replace("Vietcombank", "[COMPANY]"),
            "detected_companies": ["Vietcombank"] if "Vietcombank" in vietnamese else [],
            "processing_metadata": metadata,
        }
    )
    return {
        "vi": {"summary": "Câu tiếng Việt", "value": in_vietnamese.model_dump(exclude_none=True)},
        "en": {"summary": "A sentence in English", "value": answer.model_dump(exclude_none=True)},
    }


def classify_examples() -> Examples:
    """The same, with the model type named."""
    return {
        language: {**example, "value": {"model_type": "principles", **_value(example)}}
        for language, example in sentence_examples("principles").items()
    }


def batch_examples() -> Examples:
    """A batch whose items ask different things, and one of plain texts."""
    return {
        "vi": {
            "summary": "Nhiều câu, mỗi câu một mô hình",
            "value": {
                "items": [
                    {"id": "dieu-khoan-1", "text": _SENTENCES["principles"][0], "model_type": "principles"},
                    {"id": "su-co-7", "text": _SENTENCES["breach_triage"][0], "model_type": "breach_triage"},
                ]
            },
        },
        "en": {
            "summary": "Sentences in English, one model",
            "value": {
                "texts": [english for _, english in _SENTENCES.values()],
                "model_type": "principles",
                "language": "en",
            },
        },
    }


def batch_answer_examples() -> Examples:
    """A batch of which one item has failed, in each language."""
    return {language: _batch_answer(language) for language in ("vi", "en")}


def _batch_answer(language: str) -> Mapping[str, object]:
    example = answer_examples("legal_basis")[language]
    answer = ClassifyResponse.model_validate({**_value(example), "processing_metadata": None})
    error = EmptyText()
    first, second = "0b6a1f0e-6a55-5d0c-8a53-2f7d6c1e9b10", "5e0c9d7a-41f2-5b6e-9c3d-7a8b2e4f6011"
    detail = ErrorDetail(code=error.code, error=error.text, error_vi=error.text_vi, request_id=second)
    batch = BatchResponse(
        results=[
            BatchResult(index=0, id="a", request_id=first, result=answer, error=None),
            BatchResult(index=1, id="b", request_id=second, result=None, error=detail),
        ],
        total=2,
        succeeded=1,
        failed=1,
        processing_time_ms=24.1,
    )
    return {"summary": example["summary"], "value": batch.model_dump(exclude_none=True)}


def _value(example: Mapping[str, object]) -> Mapping[str, object]:
    value = example["value"]
    assert isinstance(value, dict)  # noqa: S101 - written above
    return value
