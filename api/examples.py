"""Examples of requests, in each language, for the OpenAPI document; every one is a request that works."""

from __future__ import annotations

from collections.abc import Mapping

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


def _value(example: Mapping[str, object]) -> Mapping[str, object]:
    value = example["value"]
    assert isinstance(value, dict)  # noqa: S101 - written above
    return value
