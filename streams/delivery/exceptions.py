"""Naming an unexpected exception without its text, which may quote a record."""

from __future__ import annotations


def describe(error: BaseException) -> str:
    """Class names, of a group's members too."""
    if isinstance(error, BaseExceptionGroup):
        return " and ".join(sorted({describe(member) for member in error.exceptions}))
    return type(error).__name__


def first_of(error: BaseException) -> BaseException:
    """The first real exception inside nested groups: the one whose place tells the most."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
