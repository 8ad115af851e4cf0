"""What GET /results takes and gives."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from api.bodies import ModelTypeName
from schemas.limits import MAX_ID_CHARS

MAX_RESULTS = 100
"""On a page: texts of 20,000 characters make it 6 MB."""

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _moment(written: object) -> datetime:
    """RFC 3339 and nothing else: pydantic alone would take "7" for a time."""
    try:
        if isinstance(written, str) and _RFC_3339.fullmatch(written):
            return datetime.fromisoformat(written.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # the 30th of February; before the year 1 in UTC
        pass
    raise PydanticCustomError("moment", "not a time")


def _whole_number(written: object) -> object:
    if isinstance(written, str) and not re.fullmatch(r"-?[0-9]{1,9}", written):
        raise PydanticCustomError("int_type", "not a number")
    return written


Moment = Annotated[datetime, BeforeValidator(_moment)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS, pattern=r"^[^\x00-\x1f\x7f-\xa0]+$")]


class ResultsQuery(BaseModel):
    """The parameters; all together have to hold. A misspelt one is refused: it would hide that none holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: Moment | None = Field(None, description="Asked at this time or later: RFC 3339, with its zone.")
    until: Moment | None = Field(None, description="Asked before this time.")
    model_type: ModelTypeName | None = Field(None, description="Only this model type's.")
    label: Annotated[str, Field(pattern=r"^[ -~]{1,128}$")] | None = Field(
        None, description="Only this prediction: the label's English name, letter for letter."
    )
    request_id: Name | None = Field(None, description="Only this request's: X-Request-ID of its answer.")
    limit: Annotated[int, BeforeValidator(_whole_number)] = Field(
        50, ge=1, le=MAX_RESULTS, description="The most on a page."
    )
    # 24 bytes: a time that datetime holds, and a result's id.
    cursor: Annotated[str, Field(pattern=r"^A[A-Za-v][A-Za-z0-9_-]{30}$")] | None = Field(
        None, description="next_cursor of the page before this one; leave the other parameters as they were."
    )


class LabelScore(BaseModel):
    """What the model gave one label; a result's scores sum to 1."""

    category_id: int
    label: str
    score: float


class StoredResultBody(BaseModel):
    """A result as it is kept: never the original text, nor the names that were taken out of it."""

    result_id: str
    request_id: str
    model_type: str
    language: str
    prediction: str
    prediction_vi: str = Field(description="Empty where a newer model gave a label that is unknown here.")
    category_id: int
    confidence: float = Field(ge=0, le=1)
    scores: list[LabelScore]
    model_id: str
    model_version: str
    normalized_text: str | None = Field(
        None, description="Left out where the tenant's policy keeps no texts."
    )
    companies: int = Field(description="How many company names were in the text.")
    tokens: int
    truncated: bool = Field(description="The model saw only the beginning of the text.")
    requested_at: str = Field(description="When the broker took the request: ISO 8601, UTC.")
    completed_at: str
    stored_at: str


class ResultsResponse(BaseModel):
    """A page of the tenant's results, newest first."""

    results: list[StoredResultBody]
    next_cursor: str | None = Field(None, description="Left out on the last page.")
