"""Examples of GET /results, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.taxonomy import MODEL_TYPES

_KIND = MODEL_TYPES["legal_basis"]
_TEXTS = {
    "vi": ("Kết quả tiếng Việt", "[COMPANY] chỉ thu thập số điện thoại khi khách hàng đồng ý."),
    "en": (
        "A result of an English text",
        "[COMPANY] collects phone numbers only with consent.",
    ),
}

QUERY: Mapping[str, object] = {
    "since": "2026-01-01T00:00:00Z",
    "until": "2026-02-01T00:00:00Z",
    "model_type": _KIND.name,
    "label": _KIND.labels[0].name,
}


def _page(language: str, text: str) -> Mapping[str, object]:
    shares = (0.93, 0.04, 0.02, 0.01)
    return {
        "results": [
            {
                "result_id": "5f0c2f5e-6a0b-5f3a-9a53-1f0e6f1f7c11",
                "request_id": "7b1f6a52-3c0e-4d8e-9a55-0f6e2c9d1b34",
                "model_type": _KIND.name,
                "language": language,
                "prediction": _KIND.labels[0].name,
                "prediction_vi": _KIND.labels[0].name_vi,
                "category_id": 0,
                "confidence": shares[0],
                "scores": [
                    {"category_id": label.category_id, "label": label.name, "score": share}
                    for label, share in zip(_KIND.labels, shares, strict=True)
                ],
                "model_id": "starter",
                "model_version": "sha256:" + "3f" * 32,
                "normalized_text": text,
                "companies": 1,
                "tokens": 21,
                "truncated": False,
                "requested_at": "2026-01-05T08:30:00.000+00:00",
                "completed_at": "2026-01-05T08:30:00.040+00:00",
                "stored_at": "2026-01-05T08:30:00.310+00:00",
            }
        ],
        "next_cursor": "AAZHn4wgCABfDC9eagtfOppTHw5vH3wR",
    }


RESULTS: Mapping[str, Mapping[str, object]] = {
    language: {"summary": summary, "value": _page(language, text)}
    for language, (summary, text) in _TEXTS.items()
}
