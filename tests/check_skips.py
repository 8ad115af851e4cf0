"""Fail on a skipped test: it proves nothing. Only what needs a container engine or a GPU may be, by name.

python tests/check_skips.py REPORT.xml …   (reports that pytest wrote with --junitxml)
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree  # our own reports, not foreign input

MAY_SKIP = ("testcontainers", "cuda")


def main(reports: list[str]) -> int:
    """Print each test that was skipped without leave, and return the exit code."""
    skipped = [name for report in reports for name in skipped_tests(Path(report))]
    wrong = [name for name in skipped if not any(word in name.lower() for word in MAY_SKIP)]
    for name in wrong:
        print(f"skipped, and may not be: {name}")
    return 1 if wrong or not reports else 0


def skipped_tests(report: Path) -> list[str]:
    """The ids of a report's skipped tests; a report with no test at all is an error."""
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))  # noqa: S314
    if not cases:
        raise SystemExit(f"{report} holds no test")
    return [
        f"{case.get('classname')}::{case.get('name')}" for case in cases if case.find("skipped") is not None
    ]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
