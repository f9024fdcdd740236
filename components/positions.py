"""From which line of a program a resource comes: the state is not to keep that."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_positions() -> Iterator[None]:
    """Declare resources without the stack of calls that leads to each, which is some 1.5 KB of the state.

    The SDK takes that stack from Python's ``traceback``, which goes as deep as ``sys.tracebacklimit`` says. The lines
    are those of this package, and Python's own: no reader finds a line of theirs among them.
    """
    before = getattr(sys, "tracebacklimit", None)
    # The SDK looks for the third constructor on the stack, and says nothing where there is none.
    sys.tracebacklimit = 1
    try:
        yield
    finally:
        if before is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = before
