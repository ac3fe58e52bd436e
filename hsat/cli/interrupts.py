"""Ctrl-C that is not lost."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupts", "noted_interrupts"]


class Interrupts:
    """Whether the user has asked to end: a `KeyboardInterrupt` alone is lost where it meets a destructor."""

    def __init__(self) -> None:
        self.is_asked = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        self.is_asked = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raise again what was lost."""
        if self.is_asked:
            raise KeyboardInterrupt


@contextmanager
def noted_interrupts() -> Iterator[Interrupts]:
    """Note Ctrl-C; a request to end (SIGTERM, as from a queue of a cluster) is treated like it."""
    interrupts = Interrupts()
    handlers = {signal.SIGTERM: signal.signal(signal.SIGTERM, interrupts.note)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # in the background it may be ignored
        handlers[signal.SIGINT] = signal.signal(signal.SIGINT, interrupts.note)
    tell_unraisable = sys.unraisablehook

    def tell(lost: "sys.UnraisableHookArgs") -> None:
        if lost.exc_type is not KeyboardInterrupt:
            tell_unraisable(lost)

    sys.unraisablehook = tell
    try:
        yield interrupts
    finally:
        sys.unraisablehook = tell_unraisable
        for number, before in handlers.items():
            signal.signal(number, before)
