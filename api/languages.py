"""Which of the two languages a caller reads first."""

from __future__ import annotations

import re

_RANGE = re.compile(r"\s*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")


def prefers_vietnamese(accept_language: str) -> bool:
    """Whether `Accept-Language` (RFC 9110) weighs Vietnamese above English; where it names neither: no.

    Of equal weights the one named first counts. What can't be read is left out.
    """
    weights: dict[str, float] = {}
    for part in accept_language.split(","):
        if (found := _RANGE.fullmatch(part)) is None:
            continue
        language = found[1].partition("-")[0].lower()
        if language in ("vi", "en"):
            weights[language] = max(weights.get(language, 0.0), float(found[2] or 1))
    best = max(weights, key=lambda language: weights[language], default="en")
    return best == "vi" and weights["vi"] > 0
