"""Personal names in Vietnamese sentences, found by family name, form of address or label."""

from __future__ import annotations

import re
import unicodedata

NAME = "[NAME]"
MOST_WORDS = 5


def mask_names(text: str) -> str:
    """Covers the words of a name and leaves those before it: "bà Trần Thị B" becomes "bà [NAME]"."""
    words = list(_WORD.finditer(text))
    masked, copied, at = "", 0, 0
    while at < len(words):
        first, last = _name_at(text, words, at)
        if last > first:
            masked += text[copied : words[first].start()] + NAME
            copied = words[last - 1].end()
            at = last
        else:
            at += 1
    return masked + text[copied:]


def _name_at(text: str, words: list[re.Match[str]], at: int) -> tuple[int, int]:
    """From which word to which a name goes that begins here or behind the word here; the same: none."""
    if _labels_next(text, words, at):
        return at + 1, _end(text, words, at + 1, any_case=True)
    if words[at][0].lower() in _ADDRESS or _ends_with(_INTRODUCTION, text, words[at].end()):
        if _beside(text, words, at, dots=True) and not _is_place(words, at) and not _is_place(words, at + 1):
            return at + 1, _end(text, words, at + 1)
        return at, at
    if _is_family_name(words, at) and not _is_place(words, at):
        end = _end(text, words, at, any_case=words[at][0].islower())
        return at, end if end - at > 1 else at
    return at, at


def _end(text: str, words: list[re.Match[str]], first: int, *, any_case: bool = False) -> int:
    """Behind the last word of the name that begins at `first`; `first` where there is none."""
    at = first
    while at < len(words) and at - first < MOST_WORDS:
        word = words[at][0]
        if not (any_case or word[0].isupper() or (at > first and word.lower() in _MIDDLE)):
            break
        at += 1
        if at < len(words) and not _beside(text, words, at - 1):
            break
    return at


def _beside(text: str, words: list[re.Match[str]], at: int, *, dots: bool = False) -> bool:
    """Whether nothing but spaces is between this word and the next."""
    if at + 1 >= len(words):
        return False
    between = text[words[at].end() : words[at + 1].start()]
    return between.strip(" .\t" if dots else " \t") == ""


def _labels_next(text: str, words: list[re.Match[str]], at: int) -> bool:
    if at + 1 == len(words) or not _ends_with(_LABEL, text, words[at].end()):
        return False
    return _AFTER_LABEL.fullmatch(text, words[at].end(), words[at + 1].start()) is not None


def _ends_with(before_a_name: re.Pattern[str], text: str, end: int) -> bool:
    return before_a_name.search(text[max(0, end - _LONGEST) : end]) is not None


def _is_family_name(words: list[re.Match[str]], at: int) -> bool:
    word = words[at][0]
    if word.islower():  # chats: "nguyễn văn an"
        follows = words[at + 1][0] if at + 1 < len(words) else ""
        return word in _FAMILY and word not in _ALSO_WORDS and follows in _MIDDLE
    return word.lower() in _FAMILY


def _is_place(words: list[re.Match[str]], at: int) -> bool:
    return " ".join(word[0] for word in words[at : at + 2]).lower() in _PLACES


def _plain(word: str) -> str:
    """Without its marks, as names are typed in forms: Nguyễn, Nguyen."""
    bare = "".join(
        letter for letter in unicodedata.normalize("NFD", word) if not unicodedata.combining(letter)
    )
    return bare.replace("đ", "d")


_WORD = re.compile(r"[^\W\d_]+")
_LABEL = re.compile(r"(?i)(?<!\w)(?:họ(?: và)? tên|ho(?: va)? ten|họ tên \w+ \w+|tên|full ?name|name)$")
_AFTER_LABEL = re.compile(r"[\"']?\s*[:=]\s*[\"']?")
_LONGEST = 24
_MIDDLE = frozenset(("văn", "thị", "van", "thi"))
_MARKED = frozenset(
    _WORD.findall(
        "nguyễn trần lê phạm hoàng huỳnh phan vũ võ đặng bùi đỗ hồ ngô dương lý đinh trịnh đoàn đào lâm mai "
        "tô trương hà cao tăng lưu lương tạ tống triệu vương châu chu phùng quách thái tôn kiều nghiêm doãn "
        "đàm khổng lã mạc thạch"
    )
)
# Bare, these are words of English or other words of Vietnamese.
_FAMILY = _MARKED | {_plain(name) for name in _MARKED} - {"la", "to", "do", "ha", "mac", "ho", "ton"}
_ALSO_WORDS = frozenset(("lý", "ly", "mai", "cao", "thái", "thai", "hồ"))
_ADDRESS = frozenset(_WORD.findall("ông bà anh chị cô chú bác em cháu mr mrs ms miss dr ong"))
_INTRODUCTION = re.compile(r"(?i)(?:(?<!\w)tên(?: tôi| em| mình)? là|(?<!\w)my name is)$")
_PLACES = frozenset(
    (
        *("hồ chí", "hà nội", "hà nam", "hà giang", "hà tĩnh", "hà đông", "hà tiên", "hà lan", "cao bằng"),
        *("lâm đồng", "thái nguyên", "thái bình", "thái lan", "bà rịa", "bà nà", "hoàng sa", "hồ gươm"),
        *("hồ tây", "châu âu", "châu á", "châu phi", "châu mỹ", "dương đông", "anh quốc", "đoàn thanh"),
        *("ha noi", "ho chi"),
    )
)
