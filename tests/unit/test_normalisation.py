"""Company names become [COMPANY], and nothing else changes."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.companies import Company, CompanyRegistry
from streams.normalisation import COMPANY as PLACEHOLDER
from streams.normalisation import Normaliser

SEED = Normaliser(CompanyRegistry.load_seed())
VIETCOMBANK = "Ngân hàng TMCP Ngoại thương Việt Nam"
MB_BANK = "Ngân hàng TMCP Quân đội"
FPT = "Công ty Cổ phần FPT"

# Every name has a z, which the fillers below have not.
MADE_UP = (
    Company("zeta", "Zeta Đại Dương", ("Đại Dương Zeta", "ZĐD")),
    Company("zeta-bank", "Ngân hàng Zeta Đại Dương", ("Zetabank",)),
    Company("zo", "Zò Zọ", ("Zo-Zo & Con",)),
)
MADE_UP_NAMES = Normaliser(MADE_UP)
OVERLAPPING_NAMES = Normaliser([*MADE_UP, Company("m", "MB"), Company("c", "company"), Company("f", "FPT 5")])
FILLERS = st.sampled_from(
    ["đại dương", "Ngân hàng", "báo", "ư", "ế".upper(), "5", "!", "🙂", "con", "—", "ở\u0323", "İ", "ß"]
)


def dropped(text: str) -> str:
    letters = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


SPELLINGS: tuple[Callable[[str], str], ...] = (str, str.upper, str.lower, decomposed, dropped)


@pytest.mark.parametrize(
    "text",
    [
        "Khách của Ngân hàng Ngoại thương Việt Nam hỏi",
        "Khách của ngân hàng ngoại thương việt nam hỏi",
        "Khách của NGÂN HÀNG NGOẠI THƯƠNG VIỆT NAM hỏi",
        "Khách của ngan hang ngoai thuong viet nam hỏi",
        "Khách của Ngan hàng Ngoai thương Viet Nam hỏi",
        "Khách của Ngân hàng\n Ngoại  thương\u00a0Việt Nam hỏi",
        "Khách của Vietcombank hỏi",
        "Khách của vietcombank hỏi",
        "Khách của VCB hỏi",
    ],
)
def test_a_name_is_found_in_any_case_spacing_and_with_or_without_diacritics(text: str) -> None:
    normalised = SEED.normalise(text)
    assert normalised.text == "Khách của [COMPANY] hỏi"
    assert normalised.companies == (VIETCOMBANK,)


def test_decomposed_text_is_searched_and_the_rest_of_it_stays_decomposed() -> None:
    text = decomposed("Ở Hà Nội, Điện máy Xanh và Ngân hàng Á Châu đều đổi mẫu.")
    expected = decomposed("Ở Hà Nội, [COMPANY] và [COMPANY] đều đổi mẫu.")
    assert SEED.normalise(text).text == expected


def test_the_longest_name_wins() -> None:
    assert SEED.normalise("FPT Software và FPT").text == "[COMPANY] và [COMPANY]"
    assert SEED.normalise("Nhà thuốc FPT Long Châu").companies == ("Công ty Cổ phần Dược phẩm FPT Long Châu",)


def test_a_shorter_name_is_found_where_the_longer_one_has_other_diacritics() -> None:
    normaliser = Normaliser([Company("a", "Hoa"), Company("b", "Hoa Phát")])
    assert normaliser.normalise("Hoa Phạt và Hoa Phát").text == "[COMPANY] Phạt và [COMPANY]"
    assert normaliser.normalise("Hoa Phạt và Hoa Phát").companies == ("Hoa", "Hoa Phát")


def test_a_name_may_begin_inside_a_rejected_candidate() -> None:
    normaliser = Normaliser([Company("a", "Bảo An Bình"), Company("b", "An Bình")])
    assert normaliser.normalise("báo An Bình").text == "báo [COMPANY]"


@pytest.mark.parametrize("text", ["Vietcombanker", "xShopee", "Shopee2", "Tikitaka", "điệnTiki", "Tikiế"])
def test_part_of_a_word_is_no_name(text: str) -> None:
    assert SEED.normalise(text).text == text
    assert SEED.normalise(decomposed(text)).text == decomposed(text)


@pytest.mark.parametrize(
    "text", ["(Shopee)", "Shopee.", "Shopee's", "a@Shopee.vn", "“Shopee”", "_Shopee_", "Shopee🙂"]
)
def test_punctuation_bounds_a_name(text: str) -> None:
    assert SEED.normalise(text).text == text.replace("Shopee", PLACEHOLDER)


def test_other_diacritics_make_another_word() -> None:
    text = "Xử lý hóa phạt, đảm bảo Việt Nam tuân thủ."
    assert SEED.normalise(text).companies == ()
    assert SEED.normalise(text).text is text


def test_the_tone_mark_may_stand_on_either_vowel() -> None:
    assert SEED.normalise("Hoà Phát hay Hòa Phát").text == "[COMPANY] hay [COMPANY]"


def test_names_listed_without_diacritics_are_found_with_any() -> None:
    normaliser = Normaliser([Company("a", "Viet A Bank")])
    assert normaliser.normalise("Việt Á Bank").text == PLACEHOLDER


def test_short_aliases_are_found_in_upper_case_only() -> None:
    normalised = SEED.normalise("fpt và Fpt thì không, FPT thì có, vcb không, VCB có")
    assert normalised.text == "fpt và Fpt thì không, [COMPANY] thì có, vcb không, [COMPANY] có"
    assert normalised.companies == (FPT, VIETCOMBANK)


def test_megabytes_are_no_bank() -> None:
    text = "Tệp 25 MB, ảnh 5MB, gói 3,5 MB"
    assert SEED.normalise(text).text == text
    assert SEED.normalise("Năm 2024 VCB và MB cùng báo cáo").companies == (VIETCOMBANK, MB_BANK)


def test_companies_are_listed_once_in_order_of_first_appearance() -> None:
    companies = SEED.normalise("Shopee kiện VCB, Vietcombank kiện lại Shopee, FPT đứng xem").companies
    assert companies == ("Công ty TNHH Shopee", VIETCOMBANK, FPT)


def test_a_placeholder_in_the_text_stays_and_is_no_company() -> None:
    text = "[COMPANY] và [company]"
    assert SEED.normalise(text).text == text
    assert Normaliser([Company("c", "Company")]).normalise(text).text == text
    assert SEED.normalise("[COMPANY]Shopee[COMPANY]").text == PLACEHOLDER * 3


def test_the_first_listed_company_has_an_alias_that_two_claim() -> None:
    both = Normaliser([Company("a", "Alpha", ("Sao",)), Company("b", "Beta", ("Sao",))])
    assert both.normalise("Sao").companies == ("Alpha",)


def test_no_companies_and_empty_texts_are_no_trouble() -> None:
    assert Normaliser([]).normalise("Shopee").text == "Shopee"
    assert Normaliser([Company("x", "!?")]).normalise("!?").text == "!?"
    assert SEED.normalise("").text == ""
    assert SEED.normalise("\u0301").text == "\u0301"


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="zZ")))
def test_a_text_without_companies_comes_back_unchanged(text: str) -> None:
    normalised = MADE_UP_NAMES.normalise(text)
    assert normalised.text == text
    assert normalised.companies == ()


@settings(deadline=None)
@given(st.data())
def test_every_other_character_stays_where_it_was(data: st.DataObject) -> None:
    text, expected, companies = "", "", []
    for _ in range(data.draw(st.integers(1, 6))):
        filler = "".join(data.draw(st.lists(FILLERS.map(lambda word: f" {word} ")))) or " · "
        company = data.draw(st.sampled_from(MADE_UP))
        name = data.draw(st.sampled_from([company.name, *company.aliases]))
        if name != "ZĐD":  # three letters: as listed or not at all
            name = data.draw(st.sampled_from(SPELLINGS))(name)
        filler = filler + "| "  # or the filler's last words might belong to a longer name
        text, expected = text + filler + name, expected + filler + PLACEHOLDER
        companies.append(company.name)
    normalised = MADE_UP_NAMES.normalise(text)
    assert normalised.text == expected
    assert normalised.companies == tuple(dict.fromkeys(companies))


WORDS = st.sampled_from(
    [
        *(
            "MB",
            "mb",
            "5",
            "FPT",
            "Zeta",
            "zetabank",
            "Đại",
            "Dương",
            "đại dương",
            "Ngân",
            "hàng",
            "Zo",
            "Con",
        ),
        *("[COMPANY]", "[company]", "company", "Zò", "zọ", "-", "&", " ", "\n", "_", "[", "]", "\u0300"),
    ]
)


@settings(deadline=None)
@given(st.lists(WORDS).map("".join) | st.lists(WORDS).map(" ".join))
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = OVERLAPPING_NAMES.normalise(text)
    twice = OVERLAPPING_NAMES.normalise(once.text)
    assert twice.text == once.text
    assert twice.companies == ()


HOSTILE = (
    *("FPT ", "fpt ", "5 MB ", "ngan hang ", "cong ty co phan ", "a", "a ", " ", "[company", "é", "\u0301"),
    "ngan" + " " * 1000 + "hang" + " " * 1000,
    decomposed("Ngân hàng Nông nghiệp và Phát triển Nông "),
)


@pytest.mark.parametrize("repeated", HOSTILE)
def test_a_megabyte_of_hostile_text_takes_seconds_at_most(repeated: str) -> None:
    text = (repeated * (1_000_000 // len(repeated) + 1))[:1_000_000]

    def seconds() -> float:
        started = time.process_time()
        SEED.normalise(text)
        return time.process_time() - started

    # Fifty times what a request may hold; a quarter of a million names is what takes a second.
    assert any(seconds() < 3.0 for _ in range(3))  # a busy machine may spoil one
