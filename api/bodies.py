"""The bodies of requests and answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.limits import MAX_TEXT_CHARS
from schemas.taxonomy import MODEL_TYPES

Language = Literal["vi", "en"]


# `\S` as Python means it, spelt out: other languages' regular expressions differ on what a space is.
NOT_BLANK = r"[^\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"


# Longer or blank ones get answers of their own (413, 400), which pydantic's error wouldn't be.
SentenceText = Annotated[
    str,
    Field(
        min_length=1,
        description="The sentence, Vietnamese (with or without diacritics) or English.",
        json_schema_extra={"maxLength": MAX_TEXT_CHARS, "pattern": NOT_BLANK},
    ),
]
# A name that we don't know gets 400 with the list.
ModelTypeName = Annotated[
    str, Field(description="Which model answers.", json_schema_extra={"enum": list(MODEL_TYPES)})
]


class SentenceRequest(BaseModel):
    """One sentence. Fields that we don't know are left alone: where the route fixes it, `model_type` too."""

    model_config = ConfigDict(strict=True, frozen=True)

    text: SentenceText
    language: Language = Field("vi", description="The language of the text.")
    include_metadata: bool = Field(True, description="Whether the answer holds processing_metadata.")


class ClassifyRequest(SentenceRequest):
    """One sentence and the question asked about it. Fields that we don't know are left alone."""

    model_type: ModelTypeName = "principles"


class ProcessingMetadata(BaseModel):
    """How the answer came about."""

    processing_time_ms: float = Field(description="In the service, from the body's arrival to the answer.")
    normalization_applied: bool = Field(description="Whether the model saw another text than was sent.")
    companies_detected: int = Field(description="How many company names were replaced by [COMPANY].")
    model_categories: list[str] = Field(description="Every label this model can give, in id order.")
    timestamp: str = Field(description="When the answer was written: ISO 8601, UTC.")


class ClassifyResponse(BaseModel):
    """A label for the text."""

    prediction: str
    confidence: float = Field(ge=0, le=1)
    category_id: int = Field(ge=0)
    model_type: str
    language: Language
    normalized_text: str = Field(description="The text as the model saw it.")
    detected_companies: list[str]
    original_text: str
    processing_metadata: ProcessingMetadata | None = Field(
        None, description="Left out unless include_metadata is true."
    )


class FieldProblem(BaseModel):
    """What is wrong with one field; never its content."""

    field: str
    problem: str
    error: str
    error_vi: str


class ErrorDetail(BaseModel):
    """One error. `code` is stable; the sentences may change."""

    code: str
    error: str
    error_vi: str
    request_id: str
    retry_after_s: int | None = Field(None, description="With 429 and 503, as the Retry-After header.")
    required_permission: str | None = Field(None, description="With 403.")
    user_role: str | None = Field(None, description="With 403.")
    user_permissions: list[str] | None = Field(None, description="With 403.")
    header: str | None = Field(None, description="With HEADER_CONTRADICTS_TOKEN.")
    available_model_types: list[str] | None = Field(None, description="With UNKNOWN_MODEL_TYPE.")
    model_type: str | None = None
    limit: int | None = Field(
        None,
        description="With 413: bytes, characters for TEXT_TOO_LONG, items for BATCH_TOO_LARGE. "
        "With 429: a minute's worth.",
    )
    limited_by: Literal["requests", "tokens"] | None = Field(None, description="With 429.")
    fields: list[FieldProblem] | None = Field(None, description="With 422.")


class ErrorBody(BaseModel):
    """The body of every answer that isn't 2xx."""

    detail: ErrorDetail
