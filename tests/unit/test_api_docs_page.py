"""The docs page works without the internet."""

from __future__ import annotations

import re

from tests.support.bridge_client import bridge_client
from tests.support.fake_gateway import FakeGateway


async def test_the_docs_page_loads_nothing_from_elsewhere() -> None:
    async with bridge_client(FakeGateway()) as client:
        page = await client.get("/docs")
        assert page.status_code == 200
        assert re.findall(r"""["'(](?:https?:)?//[\w.]""", page.text) == []
        assert '"validatorUrl": null' in page.text  # else the script shows a public validator's badge
        named = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
        assert len(named) == 3
        for path in named:
            assert (await client.get(path)).status_code == 200, path
        style = next(path for path in named if path.endswith(".css"))
        assert not re.search(r"url\(['\"]?https?:|@import", (await client.get(style)).text)
        assert "'/openapi.json'" in page.text


async def test_the_docs_page_is_not_in_the_document() -> None:
    async with bridge_client(FakeGateway()) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert not [path for path in paths if path.startswith("/docs")]
