"""What `veriaidpo results search` does: pages out of the database, as rows for people or for programs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from rich.cells import set_cell_size
from rich.console import Console

from cli.result_output import Format, shown_text
from cli.settings import Settings
from connectors.database.engine import Database, Role
from connectors.database.found import Page, ResultQuery, StoredResult
from connectors.database.migrate import prepare
from connectors.database.results import search
from schemas.taxonomy import label_vi

WIDTHS = (20, 18, 58, 34, 34, 10)
TITLES = ("asked at (UTC)", "model type", "text", "prediction", "nhãn", "confidence")
NOT_KEPT = "(not kept)"


@dataclass(frozen=True)
class SearchOptions:
    """The command's own; times without a zone are UTC."""

    tenant_id: str
    since: datetime | None
    until: datetime | None
    model_type: str | None
    label: str | None
    request_id: str | None
    limit: int
    cursor: str | None
    everything: bool
    output: Format

    def query(self, cursor: str | None) -> ResultQuery:
        return ResultQuery(
            since=self.since and self.since.replace(tzinfo=UTC),
            until=self.until and self.until.replace(tzinfo=UTC),
            model_type=self.model_type,
            label=self.label,
            request_id=self.request_id,
            limit=self.limit,
            cursor=cursor,
        )


async def print_found(settings: Settings, options: SearchOptions) -> None:
    """Print a page, or with `everything` all; where there are more, the last line says how to go on."""
    console = Console(highlight=False, soft_wrap=True)
    if options.output is Format.TABLE:
        console.print(_row(TITLES), style="bold")
    cursor = options.cursor
    async with Database(settings.database, settings.home, Role.READER) as database:
        await prepare(database, production=settings.mode == "production")
        while True:
            page = await search(database, options.tenant_id, options.query(cursor))
            _print(console, page, options.output)
            cursor = page.next_cursor
            if cursor is None or not options.everything:
                break
    if cursor is not None:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"There are more: --cursor {cursor}")


def stored_fields(result: StoredResult) -> dict[str, object]:
    """A stored result for a program, with the label's Vietnamese name."""
    return {
        **msgspec.structs.asdict(result),
        "prediction_vi": label_vi(result.model_type, result.category_id),
    }


def _print(console: Console, page: Page, output: Format) -> None:
    for result in page.items:
        if output is Format.JSONL:
            sys.stdout.write(msgspec.json.encode(stored_fields(result)).decode() + "\n")
        else:
            console.print(_row(_cells(result)), markup=False)
    sys.stdout.flush()


def _cells(result: StoredResult) -> tuple[str, ...]:
    text = NOT_KEPT if result.normalized_text is None else shown_text(result.normalized_text)
    return (
        f"{result.requested_at:%Y-%m-%d %H:%M:%S}",
        result.model_type,
        text,
        result.prediction,
        label_vi(result.model_type, result.category_id),
        f"{result.confidence:.2f}",
    )


def _row(columns: tuple[str, ...]) -> str:
    return " ".join(set_cell_size(text, width) for text, width in zip(columns, WIDTHS, strict=True)).rstrip()
