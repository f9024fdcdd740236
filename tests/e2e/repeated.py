"""Something that is done again and again beside a test."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeated(action: Callable[[], object], pause: float) -> Iterator[None]:
    """Call a function while the body runs, with a pause of so many seconds before each time."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(pause):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
