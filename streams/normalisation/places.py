"""Places known by name, folded: provinces, cities, districts.

The 34 provinces since July 2025 bear names of the 63 before.
"""

from __future__ import annotations

PROVINCES = (
    *("an giang", "ba ria vung tau", "bac giang", "bac kan", "bac lieu", "bac ninh", "ben tre", "binh dinh"),
    *(
        "binh duong",
        "binh phuoc",
        "binh thuan",
        "ca mau",
        "can tho",
        "cao bang",
        "da nang",
        "dak lak",
        "dac lac",
    ),
    *("dak nong", "dien bien", "dong nai", "dong thap", "gia lai", "ha giang", "ha nam", "ha noi", "ha tinh"),
    *("hai duong", "hai phong", "hau giang", "hoa binh", "hung yen", "khanh hoa", "kien giang", "kon tum"),
    *(
        "lai chau",
        "lam dong",
        "lang son",
        "lao cai",
        "long an",
        "nam dinh",
        "nghe an",
        "ninh binh",
        "ninh thuan",
    ),
    *("phu tho", "phu yen", "quang binh", "quang nam", "quang ngai", "quang ninh", "quang tri", "soc trang"),
    *(
        "son la",
        "tay ninh",
        "thai binh",
        "thai nguyen",
        "thanh hoa",
        "thua thien hue",
        "tien giang",
        "tra vinh",
    ),
    *("tuyen quang", "vinh long", "vinh phuc", "yen bai", "hue"),
)
CITIES = (
    *("tp hcm", "tphcm", "hcm", "tp ho chi minh", "thanh pho ho chi minh", "ho chi minh", "sai gon", "hn"),
    *("tp ha noi", "tp da nang", "tp can tho", "tp hai phong", "tp hue", "thu duc", "vinh", "nha trang"),
    *(
        "da lat",
        "vung tau",
        "bien hoa",
        "buon ma thuot",
        "quy nhon",
        "ha long",
        "viet tri",
        "my tho",
        "rach gia",
    ),
    *("long xuyen", "phan thiet", "pleiku", "tam ky", "dong hoi", "nam dinh", "viet nam"),
)
DISTRICTS = (
    *("ba dinh", "hoan kiem", "tay ho", "long bien", "cau giay", "dong da", "hai ba trung", "hoang mai"),
    *("thanh xuan", "nam tu liem", "bac tu liem", "ha dong", "gia lam", "dong anh", "soc son", "thanh tri"),
    *("binh thanh", "phu nhuan", "go vap", "tan binh", "tan phu", "binh tan", "cu chi", "hoc mon", "nha be"),
    *("can gio", "binh chanh", "hai chau", "thanh khe", "son tra", "ngu hanh son", "lien chieu", "cam le"),
    *("ninh kieu", "cai rang", "binh thuy", "hong bang", "ngo quyen", "le chan"),
)
COUNTRIES = (
    "thai lan",
    "ha lan",
    "dai loan",
    "phan lan",
    "lao",
    "ba lan",
    "trung quoc",
    "han quoc",
    "nhat ban",
)
