"""The seed of companies is fit for matching, and the registry holds it."""

from __future__ import annotations

from collections import Counter

import pytest

from connectors.companies import Company, CompanyRegistry
from streams.normalisation import PLACEHOLDER, Normaliser

SEED = CompanyRegistry.load_seed()
NORMALISER = Normaliser(SEED)


def test_the_seed_knows_at_least_seventy_companies_in_many_sectors() -> None:
    assert len(SEED) >= 70
    assert {"Finance/Banking", "Healthcare", "Education", "Technology/E-commerce"} <= {c.sector for c in SEED}


def test_no_name_or_alias_of_the_seed_belongs_to_two_companies() -> None:
    owners = Counter(
        name for company in SEED for name in {n.casefold() for n in (company.name, *company.aliases)}
    )
    assert [name for name, count in owners.items() if count > 1] == []


@pytest.mark.parametrize("company", list(SEED), ids=lambda company: company.id)
def test_every_name_and_alias_of_the_seed_is_found_as_its_company(company: Company) -> None:
    for name in (company.name, *company.aliases):
        normalised = NORMALISER.normalise(f"Hôm qua {name} đã trả lời.")
        assert normalised.companies == (company.name,), name
        left = normalised.text.removeprefix("Hôm qua ").removesuffix(" đã trả lời.")
        assert left.strip("()+") == PLACEHOLDER, name


@pytest.mark.parametrize(
    "text",
    [
        "Shop cam kết giao hàng nhanh, con cưng của mẹ mặc vừa, áo đẹp hoàn mỹ.",
        "shop cam ket giao hang nhanh, dam bao viet nam tuan thu, bao minh biet nhe",
        "Prudential supervision looks at how a bank uses mobile data; be fair, and let the sun in.",
        "Em nhắn Zalo, gửi Google Drive, hẹn ở Bệnh viện Bạch Mai gần chợ Bến Thành.",
        "Trong thế giới số, ai cũng cần dữ liệu di động và một tiêu chuẩn chung.",
    ],
)
def test_ordinary_words_channels_and_public_places_are_no_companies(text: str) -> None:
    assert NORMALISER.normalise(text).companies == ()


def test_an_id_can_be_listed_once_only() -> None:
    with pytest.raises(ValueError, match="listed twice"):
        CompanyRegistry([Company("a", "A"), Company("a", "B")])


def test_a_company_is_looked_up_by_its_id() -> None:
    assert SEED["vietcombank"].aliases[0] == "Vietcombank"
