"""Python's collector of cycles, in a process that holds much, lives long and makes next to no cycles."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 20_000
"""About a thousand records' worth: by then most of them are done, and gone without the collector."""


def spare_the_collector() -> None:
    """To be called once everything is loaded.

    What is there by now stays until the end, and isn't looked through again. By default each 700 new objects,
    which is some 30 records, are looked through, and now and then everything: a tenth of a worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
