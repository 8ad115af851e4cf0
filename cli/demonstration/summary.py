"""The demonstration's tables: what was asked, what was answered, and that nothing was lost."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from cli.demonstration.ledger import Ledger
from cli.demonstration.rest import RestAnswer
from cli.result_output import cells
from schemas.taxonomy import MODEL_TYPES

SHOWN_PER_TYPE = 2


def print_results(console: Console, ledger: Ledger, rest: Sequence[RestAnswer]) -> None:
    """A few results of each model type, with company names already out of the text."""
    table = Table(title="Results")
    for column in ("model type", "text", "prediction", "nhãn", "confidence", "ms"):
        table.add_column(column, no_wrap=column in ("model type", "confidence", "ms"))
    for name in MODEL_TYPES:
        of_type = [row for row in ledger.answered if row[1].model_type == name]
        for _, result, seconds in of_type[:SHOWN_PER_TYPE]:
            table.add_row(*cells(result), f"{seconds * 1000:.0f}")
    console.print(table)
    over_rest = Table("model type", "status", "prediction", "ms", title="Over REST")
    for answer in rest:
        over_rest.add_row(
            answer.example.model_type, str(answer.status), answer.prediction, f"{answer.elapsed_ms:.0f}"
        )
    console.print(over_rest)


def print_summary(console: Console, ledger: Ledger, rest: Sequence[RestAnswer]) -> None:
    """The books: sent = answered + dead-lettered, lost = 0, and how fast."""
    median_ms, p99_ms = ledger.latency_ms()
    table = Table(show_header=False, title="Summary")
    table.add_row("sent as events", str(len(ledger.sent)))
    table.add_row("answered", str(len(ledger.answered)))
    table.add_row("dead-lettered", str(ledger.failed_by_code.total()))
    for code, count in sorted(ledger.failed_by_code.items()):
        table.add_row(f"  {code}", str(count))
    table.add_row("dead letters altered", str(len(ledger.altered)))
    table.add_row("wrongly judged", str(len(ledger.misjudged)))
    table.add_row("lost", str(len(ledger.lost)))
    table.add_row("asked over REST", str(len(rest)))
    table.add_row("answered over REST", str(sum(answer.status == 200 for answer in rest)))
    table.add_row("latency, median", f"{median_ms:.0f} ms")
    table.add_row("latency, p99", f"{p99_ms:.0f} ms")
    table.add_row("sentences a second", f"{ledger.rate():.0f}")
    console.print(table)
