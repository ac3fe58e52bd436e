"""Score folders of nights in parallel, and yield results as they come.

``hsat.batch`` is both: the room that `hsat batch` works in, and, called, this function. See
`hsat.batch.calling.batch` for parameters, what is yielded, and errors.
"""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hsat.report.failed import FailedNight
    from hsat.results import NightResult


class _CallableRoom(ModuleType):
    """So that ``hsat.batch(paths)`` works although ``hsat.batch`` is a package."""

    def __call__(self, *arguments: Any, **options: Any) -> "Iterator[NightResult | FailedNight]":
        from hsat.batch.calling import batch

        return batch(*arguments, **options)


sys.modules[__name__].__class__ = _CallableRoom
