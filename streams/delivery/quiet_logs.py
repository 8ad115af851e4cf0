"""Faust's logs, without what they quote: a record, or an exception's text that may hold part of one."""

from __future__ import annotations

import logging
import traceback

from streams.delivery.exceptions import describe

LIBRARIES = ("faust", "mode", "aiokafka")
PLAIN = (str, int, float, bool, type(None), type)


def quieten(level: int = logging.WARNING) -> None:
    """Only warnings from the libraries, in one line each, through the handlers that are already there."""
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(level)
    # aiokafka reports each refused connection while a broker is away; ours say what they wait for.
    logging.getLogger("aiokafka.conn").setLevel(logging.CRITICAL)
    for handler in logging.getLogger().handlers:
        if not any(isinstance(installed, NoContents) for installed in handler.filters):
            handler.addFilter(NoContents())


class NoContents(logging.Filter):
    """Rewrites the libraries' records: exceptions by class and place, other objects by class."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in LIBRARIES:
            return True
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            record.exc_text = "".join(traceback.format_tb(error.__traceback__)) + describe(error)
            record.exc_info = None
        if isinstance(record.args, tuple):
            record.args = tuple(_plain(argument) for argument in record.args)
        return True


def _plain(argument: object) -> object:
    if isinstance(argument, PLAIN):
        return argument
    if isinstance(argument, BaseException):
        return describe(argument)
    return type(argument).__name__
