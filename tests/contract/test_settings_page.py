"""docs/operate.md names every setting that there is, with its default, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from cli.settings import LEGACY_NAMES, Settings, known_variables

PAGE = (Path(__file__).parents[2] / "docs" / "operate.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(VERIAIDPO_\w+)` \| (.*?) \|", PAGE, re.MULTILINE))


def test_page_has_a_row_for_every_setting_and_for_nothing_else() -> None:
    assert set(ROWS) == known_variables() - set(LEGACY_NAMES)


def test_page_names_the_platform_variables_too() -> None:
    assert all(name in PAGE for name in LEGACY_NAMES)


def test_page_gives_the_defaults_that_the_code_has() -> None:
    settings = Settings(mode="production")
    for name, shown in ROWS.items():
        value: object = settings
        for part in name.removeprefix("VERIAIDPO_").lower().split("__"):
            value = getattr(value, part)
        if name != "VERIAIDPO_MODELS_DIR":
            assert shown == ("" if value is None else f"`{value}`"), name
