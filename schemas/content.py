"""What a request may ask: the same check in front of the bridge, a publisher and a worker."""

from __future__ import annotations

from .errors import EmptyText, InvalidId, TextTooLong, UnsupportedLanguage
from .events import ClassificationRequest
from .limits import MAX_ID_CHARS, MAX_TEXT_CHARS
from .taxonomy import LANGUAGES, model_type, told_back


def check_content(request: ClassificationRequest) -> None:
    """Raises UnknownModelType, UnsupportedLanguage, EmptyText or TextTooLong."""
    model_type(request.model_type)
    if request.language not in LANGUAGES:
        raise UnsupportedLanguage(language=told_back(request.language), known=", ".join(LANGUAGES))
    if not request.text or request.text.isspace():
        raise EmptyText
    if len(request.text) > MAX_TEXT_CHARS:
        raise TextTooLong(limit=MAX_TEXT_CHARS)


def check_ids(request: ClassificationRequest) -> None:
    """Raises InvalidId."""
    for field, value in (("request_id", request.request_id), ("tenant_id", request.tenant_id)):
        if not is_id(value):
            raise InvalidId(field=field, limit=MAX_ID_CHARS)


def is_id(value: str) -> bool:
    """Ids end up in keys, headers, logs and databases: a NUL or a line break would break one of them."""
    return 0 < len(value) <= MAX_ID_CHARS and value.isprintable()
