"""What goes into the models and what comes out, and the one thing that an engine must do.

Worker and child speak these values; `messages` puts them on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import msgspec

BATCHES_AT_ONCE: Final = 2
"""A child computes so many batches side by side."""


class Item(msgspec.Struct, frozen=True):
    """One text for one model type; the text is normalised already."""

    model_type: str
    text: str


class Classification(msgspec.Struct, frozen=True):
    """What a model said about one text, and what it cost."""

    category_id: int
    scores: tuple[float, ...]
    """Probabilities in the order of the model's labels; they add up to 1."""
    tokens: int
    """Tokens the model saw, its two special ones included, padding left out."""
    truncated: bool
    """The text had more tokens than the model takes, and the rest was not read."""
    tokenise_ms: float
    """Time to tokenise the whole batch as it came over the pipe: what this text waited for."""
    infer_ms: float
    """Time of the pass through the encoder that this text rode in."""
    batch_size: int
    """Different texts in that pass."""
    padding_share: float
    """Share of that pass's tokens that were padding, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """One text could not be classified; the others of its batch could.

    `code` and `details` name an error of `schemas.errors`; details never hold the text.
    """

    code: str
    details: Mapping[str, str] = field(default_factory=dict)


Outcome: TypeAlias = Classification | ItemFailure


def unknown_model_type(model_type: str, known: Mapping[str, object]) -> ItemFailure:
    """The failure of an item whose model type this engine has no model for."""
    return ItemFailure("UNKNOWN_MODEL_TYPE", {"model_type": repr(model_type[:64]), "known": ", ".join(known)})


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model answers for a model type; `version` is the digest of its weights."""

    model_id: str
    version: str
    labels: tuple[str, ...]


class Engine(Protocol):
    """Runs inside the child. Synchronous, called by one thread at a time."""

    @property
    def models(self) -> Mapping[str, ModelInfo]:
        """By model type."""
        ...

    @property
    def max_tokens(self) -> int:
        """The longest text, in tokens, that is read to its end."""
        ...

    def classify(self, items: Sequence[Item]) -> list[Outcome]:
        """One outcome an item, in the items' order.

        An expected failure of one item is an `ItemFailure`. What it raises is unexpected: the child then
        narrows it down to the item.
        """
        ...
