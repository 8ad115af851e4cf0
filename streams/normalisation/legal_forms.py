"""Legal forms that stand before and behind a company's name, each in the spellings in use.

"Công ty" and "ngân hàng" alone are ordinary words: they stay in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from itertools import product

from streams.normalisation.folding import Folded


class LegalForm(Enum):
    """Spellings of one form stand for each other; another form is another company's."""

    JOINT_STOCK = "công ty cổ phần"
    LIMITED = "công ty TNHH"
    CORPORATION = "tổng công ty"
    GROUP = "tập đoàn"
    BANK = "ngân hàng TMCP"
    LIMITED_BANK = "ngân hàng TNHH"
    FINANCE = "công ty tài chính"


_LIMITED = ("TNHH", "trách nhiệm hữu hạn")
_MEMBERS = (
    "",
    " MTV",
    " một thành viên",
    " 1 thành viên",
    " 1TV",
    " hai thành viên",
    " hai thành viên trở lên",
)
_BANKS = ("ngân hàng", "NH")


def _joined(*parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("".join(some) for some in product(*parts))


PREFIXES: dict[LegalForm, tuple[str, ...]] = {
    LegalForm.JOINT_STOCK: ("CTCP", "CT CP", "CTy CP", *_joined(("công ty", "cty"), (" cổ phần", " CP"))),
    LegalForm.LIMITED: (*_joined(("công ty ", "cty ", "CT ", ""), _LIMITED, _MEMBERS),),
    LegalForm.CORPORATION: (*_joined(("tổng công ty", "tổng cty", "TCT"), ("", " cổ phần", " CP")), "TCTCP"),
    LegalForm.GROUP: ("tập đoàn",),
    LegalForm.BANK: ("NHTMCP", *_joined(_BANKS, (" TMCP", " TM CP", " thương mại cổ phần"))),
    LegalForm.LIMITED_BANK: _joined(_BANKS, (" ",), _LIMITED, _MEMBERS),
    LegalForm.FINANCE: _joined(
        ("công ty tài chính", "cty tài chính", "CTTC"),
        ("", " cổ phần", " CP", *_joined((" TNHH",), _MEMBERS)),
    ),
}
SUFFIXES = (
    *("JSC", "Joint Stock Company", "Corp", "Corporation", "Inc", "LLC", "Ltd", "Limited", "PLC"),
    *("Co., Ltd", "Co. Ltd", "Company Limited", "Co., JSC", "Trading Co., Ltd"),
)

_ABBREVIATED = tuple(
    (re.compile(f"^{word} ", re.IGNORECASE), f"{short} ")
    for word, short in (("ngân hàng", "NH"), ("bệnh viện", "BV"), ("đại học", "ĐH"))
)
_COUNTRY = re.compile(r"\bviệt nam\b", re.IGNORECASE)


def without_forms(name: str) -> tuple[str, frozenset[LegalForm]]:
    """A listed name behind the legal forms that it begins with, and those forms."""
    found: set[LegalForm] = set()
    while prefix := _longest_prefix(name):
        length, form = prefix
        found.add(form)
        name = name[length:].lstrip()
    return name, frozenset(found)


def abbreviations(name: str) -> Iterator[str]:
    """A name as listed, and with the words shortened that everybody shortens."""
    yield name
    for word, short in _ABBREVIATED:
        if word.match(name):
            yield word.sub(short, name)
    if _COUNTRY.search(name, 1):
        for short in ("Vietnam", "VN"):
            yield _COUNTRY.sub(short, name)


def _longest_prefix(name: str) -> tuple[int, LegalForm] | None:
    folded = Folded(name)
    best: tuple[int, LegalForm] | None = None
    for search, form in _SEARCHED_PREFIXES:
        words = search.count(" ") - 1
        if folded.search.startswith(search) and len(folded.words) > words:
            end = folded.words[words - 1][1]
            if name[end].isspace() and (best is None or end > best[0]):
                best = end, form
    return best


_SEARCHED_PREFIXES = [
    (Folded(spelling).search, form) for form, spellings in PREFIXES.items() for spelling in spellings
]
