"""Parameters for tests of hard cases: each case with a few seeds."""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.hard.checking import Drawn

Case = Callable[[int], Drawn]


def nights(*cases: Case, seeds: tuple[int, ...] = (0, 1, 2), marks: Any = ()) -> list[Any]:
    """Every case with every seed, named after both."""
    return [
        pytest.param(case, seed, id=f"{case.__name__}-{seed}", marks=marks)
        for case in cases
        for seed in seeds
    ]
