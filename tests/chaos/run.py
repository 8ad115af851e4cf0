"""`make chaos`: publish, kill, and show from the topics that nothing was lost.

python -m tests.chaos.run [--records 20000] [--seed 1] …

The exit code is 1 where the ledger doesn't close. The processes' logs stay in .cache/chaos until the next
run. Figures are written for a full run only: a smaller one proves less than its name says.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
import time
from dataclasses import fields, replace
from pathlib import Path

from rich.console import Console

from tests.chaos.campaign import Report, run_chaos
from tests.chaos.plan import Plan
from tests.chaos.report import described, print_report, write_figures
from tests.support.clusters import PROJECT

KEPT_LOGS = PROJECT / ".cache" / "chaos"


def main() -> int:
    """Run the plan that the options describe; 0 where every line of the ledger holds."""
    logging.basicConfig(level=logging.CRITICAL)  # clients complain of each connection that a kill breaks
    plan = plan_of(sys.argv[1:])
    console = Console(highlight=False, soft_wrap=True)
    console.print(described(plan))
    report = _run(plan, console)
    print_report(console, report)
    if plan.is_full:
        write_figures(report)
    return 0 if report.holds else 1


def plan_of(arguments: list[str]) -> Plan:
    """An option for each number of a plan; the defaults are the full run's."""
    plan = Plan()
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run")
    for field in fields(Plan):
        default = getattr(plan, field.name)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(default), default=default)
    return replace(plan, **vars(parser.parse_args(arguments)))


def _run(plan: Plan, console: Console) -> Report:
    began_s = time.monotonic()

    def say(what: str) -> None:
        console.print(f"{time.monotonic() - began_s:7.1f} s  {what}")

    with tempfile.TemporaryDirectory(prefix="veriaidpo-chaos-") as name:
        folder = Path(name)
        try:
            return asyncio.run(run_chaos(plan, folder, on_event=say))
        finally:
            _keep_logs(folder)
            say(f"the logs of the workers and the broker are in {KEPT_LOGS}")


def _keep_logs(folder: Path) -> None:
    shutil.rmtree(KEPT_LOGS, ignore_errors=True)
    KEPT_LOGS.mkdir(parents=True)
    for log in [*folder.glob("workers/output-*.txt"), *folder.glob("kafka/*.log")]:
        shutil.copy(log, KEPT_LOGS)


if __name__ == "__main__":
    sys.exit(main())
