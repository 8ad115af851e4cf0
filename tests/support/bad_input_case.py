"""One kind of bad input, and what has to become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tests.support.bad_input_records import Draft, Sent

Make: TypeAlias = Callable[[Draft], Sent]

RESULT, FAILURE = "result", "failure"


@dataclass(frozen=True)
class Case:
    """`code` is the dead letter's, empty where there is none; `reply` is what comes to the signed address."""

    make: Make
    code: str = ""
    result: bool = False
    reply: str = ""


def answered(code: str, make: Make) -> Case:
    """Refused, and told so: the signature verifies."""
    return Case(make, code, reply=FAILURE)


def unanswered(code: str, make: Make) -> Case:
    """Refused, and nobody is told: nobody known has signed an address to tell it to."""
    return Case(make, code)


def classified(make: Make) -> Case:
    return Case(make, result=True, reply=RESULT)


def undeliverable(make: Make) -> Case:
    """Classified, and its answer has nowhere to go."""
    return Case(make, "REPLY_UNDELIVERABLE", result=True)
