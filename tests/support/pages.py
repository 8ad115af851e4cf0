"""Blocks of the documentation, so that a page and its test can't drift apart."""

from __future__ import annotations

import re

from tests.support.clusters import PROJECT


def page(name: str) -> str:
    """A page of docs/ as text."""
    return (PROJECT / "docs" / name).read_text(encoding="utf-8")


def block(name: str, marker: str) -> str:
    """The fenced block after `<!-- marker -->` on that page."""
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w*\n(.*?)\n```", page(name), re.S)
    assert found is not None, f"docs/{name} has no block marked {marker!r}"
    return found[1]
