"""Persons: a Vietnamese surname with given names, or a title with a given name.

- A surname counts with one to four capitalised words behind it. Two words alone need a title before them
  or a given name at their end: "Hồ Sơ" is no person.
- Behind a title (ông, bà, anh, chị, BS., ThS. …) one to four capitalised words are a name.
- Without capitals, only a surname with "văn" or "thị" and a given name is one ("tran van hung").
- What bears a person's name is no person: streets, schools, hospitals, prizes.

The title stays in the text. Linear in the text: a name has at most five words.
"""

from __future__ import annotations

from streams.normalisation.folding import bare
from streams.normalisation.matches import PERSON, Match
from streams.normalisation.places import COUNTRIES, PROVINCES
from streams.normalisation.tokens import Token, tokens


def find_persons(text: str) -> list[Match]:
    """Every person in the text, from left to right."""
    words = tokens(text)
    found: list[Match] = []
    at = 0
    while at < len(words):
        length = _length(words, at)
        if length:
            start, end = words[at].start, words[at + length - 1].end
            found.append(Match(start, end, PERSON, text[start:end]))
        at += length or 1
    return found


def _length(words: list[Token], at: int) -> int:
    """How many words from here on are a person's name."""
    titled = _titled(words, at)
    if not titled and _named_after(words, at):
        return 0
    if _begins_with_a_surname(words, at):
        length = _full_name(words, at, titled=titled)
        if length:
            return length
    return _given_name(words, at) if titled else 0


def _begins_with_a_surname(words: list[Token], at: int) -> bool:
    surname = words[at].written.lower()
    if surname in _SURNAMES or surname in _BARE_SURNAMES:
        return True
    return surname in _RARE_SURNAMES and at + 1 < len(words) and words[at + 1].folded in _MIDDLE


def _full_name(words: list[Token], at: int, *, titled: bool) -> int:
    name = [words[at]]
    for word in words[at + 1 : at + _LONGEST]:
        if not (word.follows and word.written.isalpha()):
            break
        name.append(word)
    if not name[0].capital:
        return _in_small_letters(name, titled=titled)
    shouted = name[0].written.isupper() and len(name[0].written) > 1
    length = 1
    while length < len(name) and name[length].capital:
        # a shouted sentence doesn't end where its name does
        if shouted and length > 1 and name[length].folded not in _GIVEN:
            break
        length += 1
    if length == 1:
        return 0
    if titled or (length > 2 and name[1].folded in _MIDDLE):
        return length
    if " ".join(word.folded for word in name[:length]) in _PLACES:
        return 0
    return length if name[length - 1].folded in _GIVEN else 0


def _in_small_letters(name: list[Token], *, titled: bool) -> int:
    """Behind a title, two given names are enough instead of "văn" or "thị"."""
    if len(name) < 3 or name[2].folded not in _GIVEN:
        return 0
    if name[1].folded not in _MIDDLE and not (titled and name[1].folded in _GIVEN):
        return 0
    return 4 if len(name) > 3 and name[3].folded in _GIVEN else 3


def _given_name(words: list[Token], at: int) -> int:
    first = words[at]
    if not first.capital or not first.written.isalpha():
        return 0
    if first.written.isupper() and len(first.written) > 2:
        return 0
    if first.written.lower() in _NO_GIVEN or first.folded in _TITLES or first.folded in _ABBREVIATED:
        return 0
    length = 1
    while length < _LONGEST - 1 and at + length < len(words):
        word = words[at + length]
        if not (word.follows and word.capital and word.written.isalpha() and not word.written.isupper()):
            break
        length += 1
    return length


def _titled(words: list[Token], at: int) -> bool:
    """Whether a title stands right before; abbreviated ones end in a dot."""
    if at == 0 or words[at].gap.strip(" \t\u00a0") not in ("", "."):
        return False
    before = words[at - 1]
    written = before.written.lower()
    if words[at].gap.strip():
        return before.folded in _ABBREVIATED
    if before.folded in _ABBREVIATED and not before.written.islower():
        return True
    two = f"{words[at - 2].written} {before.written}".lower() if at > 1 and before.follows else ""
    if two in _TWO_WORD_TITLES or two in _PLACES_OF_TITLES:
        return two in _TWO_WORD_TITLES
    return written in _TITLES or written in _BARE_TITLES


def _named_after(words: list[Token], at: int) -> bool:
    """Whether a street or an institution before has this name."""
    if at == 0 or not words[at].follows:
        return False
    before = words[at - 1]
    if before.folded in _BEARERS or before.folded.isdecimal():
        return True
    return at > 1 and before.follows and f"{words[at - 2].folded} {before.folded}" in _BEARERS


def _both(*words: str) -> frozenset[str]:
    return frozenset(spelling for word in words for spelling in (word, bare(word)))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LONGEST = 5  # words
_SURNAMES = _words(
    """
    nguyễn trần lê phạm hoàng huỳnh phan vũ võ đặng bùi đỗ hồ ngô dương lý đinh đoàn trịnh trương lâm mai
    đào cao lương hà tạ tô châu thái phùng quách tống kiều vương triệu lưu chu nghiêm khổng giang thạch
    cù doãn đàm diệp âu nông mạc hứa ninh bành
    """
)
_RARE_SURNAMES = _words("ông vi từ tăng văn thân trà la tôn công")  # with a middle name only: they are words
_BARE_SURNAMES = frozenset(map(bare, _SURNAMES)) - {"do", "ha", "ta", "to", "cu", "ly", "mai", "cao"}
_MIDDLE = frozenset({"van", "thi", "nu"})
_GIVEN = _words(
    """
    a an anh bach bang bao bich binh boi buu cam can canh cat cau chau chi chien chinh chung cong cuc cuong
    dai dan danh dao dat diem dien diep dieu dinh doan dong du duc dung duong duy duyen gam gia giang giao ha
    hai han hang hanh hao hau hien hiep hieu hinh ho hoa hoai hoan hoang hoat hoc hong hop hue hung huong
    huu huy huyen huynh ich kha khai khang khanh khiem khoa khoi khue khuong kien kieu kim ky lam lan le
    lich liem lien lieu linh loan loc loi long luan luc luong luu ly mai man manh mao men mi mien minh mo my
    nam nga ngan nghi nghia ngoan ngoc nguyen nguyet nha nhan nhat nhi nhien nhu nhuan nhung ninh nuong oanh
    phat phong phu phuc phung phuoc phuong quan quang que quoc quy quyen quyet quynh sang sanh sau sinh son
    suong tai tam tan tao tham than thang thanh thao the thien thieu thinh tho thoa thom thong thu thuan
    thuc thuong thuy thy tien tin tinh toai toan trai tram tran trang tri trieu trinh trong truc trung truong
    tu tuan tue tung tuoi tuong tuyen tuyet ty uyen van vi vien viet vinh vu vui vuong vy xuan xuyen yen
    """
)
_TITLES = frozenset(
    (
        "ông",
        "bà",
        "anh",
        "chị",
        "cô",
        "thầy",
        "chú",
        "bác",
        "em",
        "dì",
        "bé",
        "cháu",
        "vợ",
        "chồng",
        "cậu",
        "mợ",
        "cụ",
        "mr",
        "mrs",
        "ms",
    )
)
_BARE_TITLES = frozenset({"ong", "chi", "anh"})
_ABBREVIATED = frozenset({"bs", "ths", "ts", "pgs", "gs", "ks", "ls", "ds", "cn", "bscki", "mr", "mrs", "ms"})
_TWO_WORD_TITLES = _both(
    "bác sĩ", "thạc sĩ", "tiến sĩ", "luật sư", "giáo sư", "dược sĩ", "kỹ sư", "điều dưỡng"
)
_TWO_WORD_TITLES |= _both(
    "tài xế", "bệnh nhân", "nhân viên", "giám đốc", "kế toán", "nhân chứng", "khách tên"
)
_PLACES_OF_TITLES = _both("tiếng anh", "nước anh", "trẻ em", "đồng chí")
_PLACES = frozenset((*PROVINCES, *COUNTRIES))
_NO_GIVEN = _words("hai ba rịa tô trưng triệu đen đồ ích việt zalo facebook covid")
_BEARERS = _words(
    """
    duong pho thpt thcs phuong quan ngo hem ngach cho cau chua den giai truong quy dai
    """
) | {
    "benh vien",
    "giai thuong",
    "dai hoc",
    "truong hoc",
    "tieu hoc",
    "mam non",
    "phan mem",
    "cong vien",
    "du an",
}
