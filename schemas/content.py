"""What a request may ask: the same check in front of the bridge, a publisher and a worker."""

from __future__ import annotations

from .errors import EmptyText, TextTooLong, UnsupportedLanguage
from .events import ClassificationRequest
from .limits import MAX_TEXT_CHARS
from .taxonomy import LANGUAGES, model_type


def check_content(request: ClassificationRequest) -> None:
    """Raises UnknownModelType, UnsupportedLanguage, EmptyText or TextTooLong."""
    model_type(request.model_type)
    if request.language not in LANGUAGES:
        raise UnsupportedLanguage(language=repr(request.language[:16]), known=", ".join(LANGUAGES))
    if not request.text or request.text.isspace():
        raise EmptyText
    if len(request.text) > MAX_TEXT_CHARS:
        raise TextTooLong(limit=MAX_TEXT_CHARS)
