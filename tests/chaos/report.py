"""The ledger as a table for a person and as figures for a pipeline."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.figure import RESULTS, Figure, write
from tests.chaos.campaign import CAUGHT_UP, CAUGHT_UP_WITHIN_S, ORPHANS, Report
from tests.chaos.ledger import (
    ALTERED_LETTERS,
    DUPLICATES,
    FOREIGN_LETTERS,
    LOST,
    MISSING_LETTERS,
    WRONG_LABELS,
)
from tests.chaos.plan import Plan

COMMAND = "make chaos"


def print_report(console: Console, report: Report) -> None:
    """What was done, what it cost, and whether the books close."""
    done = Table("fault", "process", "settled all before it after", title="Faults")
    for fault, seconds in report.faults:
        done.add_row(fault.fault, str(fault.pid), f"{seconds:.1f} s")
    console.print(done)
    notes = Table(show_header=False, title="The run")
    for name, value in report.notes:
        notes.add_row(name, value)
    console.print(notes)
    ledger = Table("ledger", "found", "allowed", "holds", "for example", title="The ledger")
    for line in report.lines:
        ledger.add_row(
            line.name,
            f"{line.found:g} {line.unit}",
            f"{line.allowed:g}",
            "yes" if line.holds else "NO",
            ", ".join(line.examples),
        )
    console.print(ledger)


def figures(report: Report) -> list[Figure]:
    """The ledger's figures; dead letters that are missing or foreign count as altered ones do."""
    letters = sum(report.line(name).found for name in (MISSING_LETTERS, ALTERED_LETTERS, FOREIGN_LETTERS))
    run = described(report.plan)
    return [
        *(
            Figure(name, report.line(line).found, unit, 0, "lower", run, COMMAND)
            for name, line, unit in (
                ("chaos_lost", LOST, "records"),
                ("chaos_duplicates", DUPLICATES, "results"),
                ("chaos_wrong_labels", WRONG_LABELS, "results"),
                ("chaos_orphans", ORPHANS, "processes"),
            )
        ),
        Figure("chaos_dead_letters_altered", letters, "dead letters", 0, "lower", run, COMMAND),
        Figure(
            "chaos_caught_up_s", report.line(CAUGHT_UP).found, "s", CAUGHT_UP_WITHIN_S, "lower", run, COMMAND
        ),
    ]


def write_figures(report: Report, folder: Path = RESULTS) -> None:
    """As rows of bench/results."""
    write(figures(report), folder)


def described(plan: Plan) -> str:
    """The plan in one line."""
    faults = ", ".join(f"{count} {fault}" for fault, count in plan.faults.items())
    return (
        f"{plan.records} records, {plan.malformed_share:.0%} malformed, in bursts of {plan.burst}; "
        f"{plan.workers} workers, {plan.partitions} partitions a topic; {faults}; "
        f"seed {plan.seed}"
    )
