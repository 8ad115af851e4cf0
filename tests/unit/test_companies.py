"""The seed of companies is fit for matching, and the registry holds it."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable

import pytest

from connectors.companies import Company, CompanyRegistry, read_companies
from streams.normalisation import COMPANY as PLACEHOLDER
from streams.normalisation import Normaliser

SEED = CompanyRegistry.load_seed()
NORMALISER = Normaliser(SEED)


def names(company: Company) -> tuple[str, ...]:
    return (company.name, *company.aliases, *company.tickers)


def without_diacritics(text: str) -> str:
    letters = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def test_the_seed_knows_150_companies_in_nine_industries_and_three_regions() -> None:
    assert len(SEED) >= 150
    industries = Counter(company.industry for company in SEED)
    assert len(industries) == 9
    assert {"Finance/Banking", "Healthcare", "Education", "Technology/E-commerce"} <= set(industries)
    assert min(industries.values()) >= 5
    regions = Counter(company.region for company in SEED)
    assert set(regions) == {"north", "central", "south"}
    assert min(regions.values()) >= 10
    assert all(company.aliases for company in SEED)
    assert sum(bool(company.tickers) for company in SEED) >= 50


def test_no_name_or_alias_of_the_seed_belongs_to_two_companies() -> None:
    owners = Counter(name for company in SEED for name in {n.casefold() for n in names(company)})
    assert [name for name, count in owners.items() if count > 1] == []


@pytest.mark.parametrize("company", list(SEED), ids=lambda company: company.id)
@pytest.mark.parametrize("spelling", [str, without_diacritics], ids=["as listed", "unmarked"])
def test_every_name_of_the_seed_is_found_as_its_company(
    company: Company, spelling: Callable[[str], str]
) -> None:
    for name in names(company):
        context = "mã " if name in company.common and name.isupper() else ""
        normalised = NORMALISER.normalise(f"Hôm qua {context}{spelling(name)} đã trả lời.")
        assert normalised.companies == (company.name,), name
        left = normalised.text.removeprefix(f"Hôm qua {context}").removesuffix(" đã trả lời.")
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


def test_common_words_of_the_seed_are_names_of_theirs() -> None:
    with pytest.raises(ValueError, match="aren't listed: Sao"):
        read_companies(
            b'{"companies": [{"id": "a", "name": "Alpha", "industry": "x", "region": "north",'
            b' "common": ["Sao"]}]}'
        )
