"""How well and how fast names are found: on models/names/labelled.jsonl, and in a crowd of companies."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure
from connectors.companies import Company, CompanyRegistry
from streams.normalisation import ADDRESS, COMPANY, PERSON, Normaliser

LABELLED = Path(__file__).parents[1] / "models" / "names" / "labelled.jsonl"
COMPANIES = 10_000
SENTENCES = 20_000
SENTENCE_CHARS = 120
ROUNDS = 5
RATE_TARGET = 30_000.0


@dataclass(frozen=True)
class Labelled:
    """A sentence and the names in it: placeholder, start, end."""

    text: str
    names: frozenset[tuple[str, int, int]]


@dataclass(frozen=True)
class Counts:
    """Names found at exactly their place, found where none is, and missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)

    @property
    def f1(self) -> float:
        return 2 * self.right / (2 * self.right + self.wrong + self.missed)


def measure() -> list[Figure]:
    """Each kind by itself on the labelled sentences; then the rate, companies only."""
    sentences = labelled()
    normaliser = Normaliser(CompanyRegistry.load_seed())
    company, person, address = (
        counts(normaliser, sentences, placeholder) for placeholder in (COMPANY, PERSON, ADDRESS)
    )
    return [
        _share("normaliser_company_precision", company.precision, 0.99, company),
        _share("normaliser_company_recall", company.recall, 0.99, company),
        _share("normaliser_person_f1", person.f1, 0.90, person),
        _share("normaliser_address_f1", address.f1, 0.90, address),
        Figure(
            name="normaliser_rate",
            value=rate(),
            unit="sentences/s",
            target=RATE_TARGET,
            better="higher",
            peer=f"none; one core, {COMPANIES} companies, sentences of {SENTENCE_CHARS} characters",
        ),
    ]


def labelled(file: Path = LABELLED) -> list[Labelled]:
    """The sentences of the labelled set."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [Labelled(row["text"], frozenset((kind, a, b) for kind, a, b in row["names"])) for row in rows]


def counts(normaliser: Normaliser, sentences: Sequence[Labelled], placeholder: str) -> Counts:
    """What is found of one kind, with all three kinds asked for."""
    right = wrong = missed = 0
    for sentence in sentences:
        matches = normaliser.normalise(sentence.text, persons=True, locations=True).matches
        found = {(match.placeholder, match.start, match.end) for match in matches}
        found = {match for match in found if match[0] == placeholder}
        there = {name for name in sentence.names if name[0] == placeholder}
        right += len(found & there)
        wrong += len(found - there)
        missed += len(there - found)
    return Counts(right, wrong, missed)


def rate() -> float:
    """Sentences a second of processor time, the best of some rounds: others' work isn't measured."""
    chance = random.Random(1)
    companies = crowd(chance)
    sentences = [_sentence(chance, companies) for _ in range(SENTENCES)]
    normalise = Normaliser(companies).normalise
    best_s = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for sentence in sentences:
            normalise(sentence)
        best_s = min(best_s, time.process_time() - started)
    return SENTENCES / best_s


def crowd(chance: random.Random) -> list[Company]:
    """The seed, and made-up companies with the names that Vietnamese ones have."""
    companies = {company.name: company for company in CompanyRegistry.load_seed()}
    while len(companies) < COMPANIES:
        words = chance.sample(_NAMES, chance.randint(2, 4))
        name = f"{chance.choice(_FORMS)} {chance.choice(_TRADES)} {' '.join(words)}"
        brand = "".join(words[:2])
        companies.setdefault(
            name, Company(str(len(companies)), name, (f"{brand}{len(companies)}", f"{brand} Group"))
        )
    return list(companies.values())


def _sentence(chance: random.Random, companies: Sequence[Company]) -> str:
    """Every other sentence names one company; the words around it are those of names as well."""
    words = [chance.choice(_WORDS) for _ in range(30)]
    if chance.random() < _NAMED_SHARE:
        company = chance.choice(companies)
        words.insert(chance.randrange(6), chance.choice((company.name, *company.aliases)))
    return " ".join(words)[:SENTENCE_CHARS]


def _share(name: str, value: float, target: float, found: Counts) -> Figure:
    peer = f"360 labelled sentences: {found.right} found, {found.missed} missed, {found.wrong} wrong"
    return Figure(name=name, value=value, unit="of 1", target=target, better="higher", peer=peer)


_NAMED_SHARE = 0.5
_FORMS = ("Công ty Cổ phần", "Công ty TNHH", "Công ty TNHH MTV", "Tập đoàn", "Tổng công ty")
_TRADES = ("Thương mại", "Xây dựng", "Dược phẩm", "Vận tải", "Thực phẩm", "Công nghệ", "Du lịch", "Dệt may")
_NAMES = (
    *("An", "Bình", "Cường", "Đại", "Dương", "Gia", "Hải", "Hoàng", "Hưng", "Khang", "Kim", "Lâm", "Long"),
    *("Minh", "Nam", "Ngọc", "Nhật", "Phát", "Phú", "Phúc", "Quang", "Sơn", "Tân", "Thành", "Thịnh", "Thiên"),
    *("Tiến", "Toàn", "Trung", "Trường", "Việt", "Vĩnh", "Xuân", "Đông", "Bắc", "Lộc", "Tín", "Nghĩa"),
)
_WORDS = (
    *("dữ", "liệu", "cá", "nhân", "khách", "hàng", "công", "ty", "yêu", "cầu", "xóa", "thông", "tin", "của"),
    *(
        "đại",
        "dương",
        "phát",
        "minh",
        "thành",
        "phố",
        "ngày",
        "hôm",
        "qua,",
        "gửi",
        "biên",
        "bản",
        "tới",
        "phòng",
    ),
)
