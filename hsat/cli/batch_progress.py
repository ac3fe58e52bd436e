"""How far a batch is, on stderr: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Never, Self

from hsat.cli.faults import complain
from hsat.report.plain import printable

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["BatchProgress"]

QUIET_S = 10.0
"""Off a terminal a line says how far it is after each tenth of the files, and after so many seconds."""
BAR = (
    "{desc}{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}{unit}  {rate_noinv_fmt}  {remaining} left{postfix}"
)


class BatchProgress:
    """Shows progress; to be used in a ``with`` statement.

    Parameters
    ----------
    n_files : int
        Files in all.
    what : str
        What they are: files, or patients.
    """

    def __init__(self, n_files: int, what: str = "files") -> None:
        self.n_files = n_files
        self.what = what
        self.n_done = self.n_known = self.n_failed = 0
        self._began_s = self._said_s = time.monotonic()
        self._n_first: int | None = None
        is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._bar: tqdm[Never] | None = self._new_bar() if is_terminal and n_files else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, n_files: int, *, n_known: int) -> None:
        """Some files are finished, of which an earlier run had finished `n_known`."""
        n_before = self.n_done
        self.n_done += n_files
        self.n_known += n_known
        if self._bar is not None:
            if n_known:  # what was done before must not count as speed
                self._bar.initial += n_known
            self._bar.set_description_str("", refresh=False)
            self._bar.update(n_files)
        elif n_files > n_known:  # what was done before needs no time, and no line
            self._say(n_before)

    def fail(self, line: str) -> None:
        """Show an error above the bar."""
        self.n_failed += 1
        if self._bar is None:
            complain(line)
            return
        self._bar.write(f"hsat: {printable(line)}", file=sys.stderr)
        self._bar.set_postfix_str(f"{self.n_failed} failed", refresh=False)

    def _new_bar(self) -> "tqdm[Never]":
        from tqdm import tqdm

        return tqdm(
            total=self.n_files,
            desc="starting",
            unit=f" {self.what}",
            dynamic_ncols=True,
            smoothing=0.1,
            file=sys.stderr,
            bar_format=BAR,
        )

    def _say(self, n_before: int) -> None:
        if self._n_first is None:  # until now workers were started, which says nothing about the pace
            self._began_s, self._n_first = time.monotonic(), self.n_done - self.n_known
        is_tenth = self.n_done * 10 // self.n_files > n_before * 10 // self.n_files
        now_s = time.monotonic()
        is_due = now_s - self._said_s >= QUIET_S
        if not is_due and not (is_tenth and self.n_files >= 20):
            return
        self._said_s = now_s
        rate = (self.n_done - self.n_known - self._n_first) / max(now_s - self._began_s, 1e-9)
        words = [f"{self.n_done} of {self.n_files} {self.what} done"]
        if rate:
            words.append(f"{rate:.1f} {self.what}/s" if rate >= 1.0 else f"{1.0 / rate:.1f} s each")
        if rate and self.n_done < self.n_files:
            words.append(f"about {timedelta(seconds=round((self.n_files - self.n_done) / rate))} left")
        complain(", ".join(words))
