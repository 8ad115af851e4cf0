"""The bodies of POST /batch-classify."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from api.bodies import ClassifyResponse, ErrorDetail, Language, ModelTypeName, SentenceText

MAX_ITEMS = 1_000
MAX_BATCH_BYTES = 2 * 1024 * 1024
MAX_ITEM_ID_CHARS = 128

ItemId = Annotated[str, Field(max_length=MAX_ITEM_ID_CHARS)] | int


class BatchItem(BaseModel):
    """One sentence of a batch; what it leaves out, the batch says."""

    model_config = ConfigDict(strict=True, frozen=True)

    id: ItemId | None = Field(None, description="The caller's own, told back with the answer.")
    text: SentenceText
    model_type: str | None = Field(None, description="Unset: the batch's.")
    language: Language | None = Field(None, description="Unset: the batch's.")


def _items_schema(item: JsonDict) -> JsonDict:
    """What isn't an item gets its own error: one bad row doesn't cost the others their answers."""
    return {"maxItems": MAX_ITEMS, "items": {"anyOf": [item, {"description": "Gets its own error."}]}}


class BatchRequest(BaseModel):
    """Either `items` or `texts`; answers come in the same order."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        json_schema_extra={"oneOf": [{"required": ["items"]}, {"required": ["texts"]}]},
    )

    items: list[JsonValue] = Field(
        default_factory=list,
        min_length=1,
        description="Sentences, each with what it asks.",
        json_schema_extra=_items_schema(BatchItem.model_json_schema()),
    )
    texts: list[JsonValue] = Field(
        default_factory=list,
        min_length=1,
        description="Sentences alone.",
        json_schema_extra=_items_schema({"type": "string"}),
    )
    model_type: ModelTypeName = "principles"
    language: Language = Field("vi", description="Of those that name none.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if len(self.model_fields_set & {"items", "texts"}) != 1:
            raise PydanticCustomError("items_or_texts", "either items or texts")
        return self

    @property
    def entries(self) -> list[JsonValue]:
        """What was sent, as items; none of them checked yet."""
        return self.items or [{"text": text} for text in self.texts]


class BatchResult(BaseModel):
    """One item's answer, or its error."""

    index: int = Field(ge=0, description="Where the item stood in the batch.")
    id: str | int | None = Field(None, description="The item's own id, where it had one.")
    request_id: str = Field(description="The id of this item's event.")
    result: ClassifyResponse | None = Field(None, description="Without processing_metadata.")
    error: ErrorDetail | None = Field(None, description="What `detail` would be for this text alone.")


class BatchResponse(BaseModel):
    """Answers in the order of the batch. Its status is 200 even where every item has failed."""

    results: list[BatchResult]
    total: int
    succeeded: int
    failed: int
    processing_time_ms: float
