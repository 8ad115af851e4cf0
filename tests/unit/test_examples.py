"""The sentences that ship with the project: examples, probe and held-out set."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

from connectors.companies import CompanyRegistry
from schemas.taxonomy import LANGUAGES, MODEL_TYPES
from streams.normalisation import COMPANY as PLACEHOLDER
from streams.normalisation import Normaliser

ROOT = Path(__file__).parents[2]
MALFORMED = "malformed"
ALIKE = 0.7  # of the words of two sentences, the share they have in common
MALFORMED_KINDS = {
    "unknown_model_type",
    "blank_text",
    "wrong_language",
    "random_bytes",
    "empty_value",
    "truncated",
    "forged_signature",
    "expired_claims",
    "wrong_digest",
}
Line = dict[str, str | int]


def lines(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def text_of(line: Line) -> str:
    return str(line["text"])


def unaccented_share(some: list[Line]) -> float:
    vietnamese = [line for line in some if line["language"] == "vi"]
    return sum(text_of(line).isascii() for line in vietnamese) / len(some)


NORMALISER = Normaliser(CompanyRegistry.load_seed())
PROBE = lines(ROOT / "models/probe/probe.jsonl")
HELD_OUT = lines(ROOT / "models/quality/held_out.jsonl")
EXAMPLES = {name: lines(ROOT / f"examples/{name}.jsonl") for name in MODEL_TYPES}


def test_the_probe_has_five_hundred_sentences_in_both_languages_and_all_lengths() -> None:
    assert len(PROBE) >= 520
    assert all(set(line) == {"text", "language"} and line["language"] in LANGUAGES for line in PROBE)
    assert 0.15 < unaccented_share(PROBE) < 0.25
    assert 0.15 < sum(line["language"] == "en" for line in PROBE) / len(PROBE) < 0.25
    lengths = [len(text_of(line).split()) for line in PROBE]
    assert sum(length >= 80 for length in lengths) >= 10
    assert sum(length <= 5 for length in lengths) >= 15


def test_the_held_out_set_has_four_sentences_or_more_for_every_label() -> None:
    assert len(HELD_OUT) >= 230
    assert all(set(line) == {"model_type", "label", "language", "text"} for line in HELD_OUT)
    counts = Counter((line["model_type"], line["label"]) for line in HELD_OUT)
    labels = {(name, label.category_id) for name, kind in MODEL_TYPES.items() for label in kind.labels}
    assert set(counts) == labels
    assert min(counts.values()) >= 4
    assert 0.1 < unaccented_share(HELD_OUT) < 0.3


def test_probe_and_held_out_sentences_are_written_as_the_models_see_them() -> None:
    for line in PROBE + HELD_OUT:
        assert NORMALISER.normalise(text_of(line)).text == line["text"]
    assert sum(PLACEHOLDER in text_of(line) for line in PROBE) >= 50


def test_every_model_type_has_thirty_examples_as_a_service_would_send_them() -> None:
    assert sum(map(len, EXAMPLES.values())) >= 330
    for name, examples in EXAMPLES.items():
        assert len(examples) >= 30, name
        assert all(set(line) == {"text", "model_type", "language"} for line in examples)
        assert {line["model_type"] for line in examples} == {name}
        assert {line["language"] for line in examples} == set(LANGUAGES)
        assert unaccented_share(examples) > 0.1, name
        assert all(text_of(line).strip() and PLACEHOLDER not in text_of(line) for line in examples)
        named = [line for line in examples if NORMALISER.normalise(text_of(line)).companies]
        assert len(named) >= 4, name


def test_the_examples_folder_holds_these_files_and_the_malformed_ones_only() -> None:
    assert {path.stem for path in (ROOT / "examples").glob("*.jsonl")} == {*MODEL_TYPES, MALFORMED}


def test_malformed_examples_cover_every_kind() -> None:
    malformed = lines(ROOT / "examples/malformed.jsonl")
    assert {line[MALFORMED] for line in malformed} == MALFORMED_KINDS
    for line in malformed:
        kind = line[MALFORMED]
        assert (line["model_type"] not in MODEL_TYPES) == (kind == "unknown_model_type")
        assert (not text_of(line).strip()) == (kind == "blank_text")
        assert (line["language"] not in LANGUAGES) == (kind == "wrong_language")


def test_no_sentence_is_used_twice_not_even_with_a_few_words_changed() -> None:
    everything = [*PROBE, *HELD_OUT, *(line for examples in EXAMPLES.values() for line in examples)]
    texts = [text_of(line) for line in everything]
    assert len(set(texts)) == len(texts)
    words = [frozenset(re.findall(r"\w+", text.lower())) for text in texts]
    alike = [
        (texts[one], texts[other])
        for (one, some), (other, others) in combinations(enumerate(words), 2)
        if len(some & others) > ALIKE * len(some | others)
    ]
    assert alike == []
