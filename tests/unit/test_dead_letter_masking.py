"""Personal data in a dead letter is covered, and what a fault is found by is not."""

from __future__ import annotations

import time
import unicodedata

import pytest

from cli.dead_letters.masking import mask
from schemas.limits import MAX_TEXT_CHARS

MASKED = {
    "gọi 0912345678 nhé": "gọi [PHONE] nhé",
    "gọi 0912 345 678": "gọi [PHONE]",
    "gọi 091.234.5678.": "gọi [PHONE].",
    "SĐT0912345678": "SĐT[PHONE]",
    "+84 912 345 678": "[PHONE]",
    "(+84)912345678": "[PHONE]",
    "0084912345678": "[PHONE]",
    "84912345678": "[PHONE]",
    "+1 650 253 0000": "[PHONE]",
    "024 3825 1234": "[PHONE]",
    "(028) 38251234": "[PHONE]",
    "CCCD 001099012345": "CCCD [ID]",
    "CCCD 001 099 012 345": "CCCD [ID]",
    "CMND 123456789": "CMND [ID]",
    "CMND 123 456 789": "CMND [ID]",
    "CMND số 123.456.789": "CMND số [ID]",
    "viết tới an.nguyen+x@mail.example.vn!": "viết tới [EMAIL]!",
    "an@localhost": "[EMAIL]",
    "thẻ 4111111111111111": "thẻ [CARD]",
    "thẻ 4111 1111 1111 1111, 12/27": "thẻ [CARD], 12/27",
    "thẻ 3782-822463-10005": "thẻ [CARD]",
    "4111 1111 1111 1111 5555 5555 5555 4444": "[CARD] [CARD]",
    "Nguyễn Văn An đồng ý": "[NAME] đồng ý",
    "Khách hàng Trần Thị Bích Ngọc.": "Khách hàng [NAME].",
    "NGUYỄN VĂN AN": "[NAME]",
    "Nguyen Van An agrees": "[NAME] agrees",
    "nguyễn văn an": "[NAME]",
    "Lê thị Hoa": "[NAME]",
    "bà Lan và anh Tuấn": "bà [NAME] và anh [NAME]",
    "Mr. John Smith called": "Mr. [NAME] called",
    "tôi tên là Minh Anh": "tôi tên là [NAME]",
    '{"họ tên": "lê an", "tuổi": 5}': '{"họ tên": "[NAME]", "tuổi": 5}',
    "Họ và tên: phạm an bình": "Họ và tên: [NAME]",
    "name: john smith": "name: [NAME]",
    "Bearer eyJhbGciOiJI.eyJpc3Mi.c2ln": "Bearer [TOKEN]",
}
LEFT = [
    "Công ty phải xin sự đồng ý của khách hàng trước khi xử lý dữ liệu cá nhân.",
    "Luật 91/2025/QH15 và Nghị định 13/2023/NĐ-CP tại Việt Nam",
    "chuyển dữ liệu từ Hà Nội, TP. Hồ Chí Minh và Thái Nguyên sang châu Âu",
    "ông bà và cha mẹ của trẻ em",
    "quản lý thị trường, lý do, cao nhất, mai sau",
    "Tiếng Anh và tiếng Việt",
    "120.000.000 đồng hoặc 120.000.000.000 đồng",
    "ngày 03.05.2026 12:30, 2026-11-23 19:48:45",
    "tổng đài 1900 1234",
    "0d9b3c52-6f0e-4b1c-8c52-091234567890",
    "e1debcb54075f78ba25db5c451caf351f27ec4c91a2bbd56ed2211c9b3288f72",
    "4111111111111112",
    "confidence 0.931 of 12345678",
    "[COMPANY] chỉ thu thập dữ liệu cần cho việc giao hàng.",
    "veriaidpo.requests.principles [3] 41",
    "The company protects personal data. Dr: none.",
]


@pytest.mark.parametrize(("text", "masked"), MASKED.items())
def test_personal_data_is_covered(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize("text", LEFT)
def test_what_is_no_personal_data_is_left_as_it_is(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize("text", MASKED)
def test_letters_taken_apart_and_wide_digits_hide_nothing(text: str) -> None:
    wide = text.translate({ord("0") + digit: ord("０") + digit for digit in range(10)})
    assert mask(unicodedata.normalize("NFD", wide)) == mask(text)


def test_an_invisible_letter_within_a_number_hides_nothing() -> None:
    assert mask("09\u200b12\u2060345678") == "[PHONE]"


@pytest.mark.parametrize("text", MASKED)
def test_masking_what_is_masked_changes_nothing(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize(
    "unit", ["a", "a.", "a@", "1", "0", "1 ", "(+8", "(0", "eyJ", "tên ", "Lê ", "CMND "]
)
def test_no_text_of_any_shape_takes_long(unit: str) -> None:
    began = time.process_time()
    mask(unit * (MAX_TEXT_CHARS // len(unit)))
    assert (
        time.process_time() - began < 10
    )  # a thousandfold of what it takes where time grows with the square
