"""Evidence that is made a column at a time is what its own `__init__` makes."""

import pickle
from dataclasses import FrozenInstanceError

import pytest

from hsat.events import Desaturation, from_columns

ROWS = [(10.0, 20.0, 30.0, 96.0, 90.0), (50.0, 55.0, 61.0, 95.0, 91.5)]
NAMES = ("start_s", "nadir_s", "stop_s", "baseline_percent", "nadir_percent")
COLUMNS = dict(zip(NAMES, zip(*ROWS, strict=True), strict=True))


def test_columns_make_what_rows_make():
    made = from_columns(Desaturation, **COLUMNS)
    assert made == [Desaturation(**dict(zip(NAMES, row, strict=True))) for row in ROWS]
    assert pickle.loads(pickle.dumps(made)) == made
    assert made[1].drop_points == 3.5
    with pytest.raises(FrozenInstanceError):
        made[0].start_s = 0.0


def test_empty_columns_make_nothing():
    assert from_columns(Desaturation, **dict.fromkeys(NAMES, ())) == []


@pytest.mark.parametrize(
    "change",
    [{"nadir_s": [20.0]}, {"depth": [1.0, 2.0]}],
    ids=["a column is short", "no such field"],
)
def test_columns_that_do_not_fit_are_refused(change):
    with pytest.raises(TypeError, match="Desaturation needs a column for each field, all of one length"):
        from_columns(Desaturation, **{**COLUMNS, **change})


def test_a_field_without_a_column_is_refused():
    with pytest.raises(TypeError, match="a column for each field"):
        from_columns(Desaturation, **{name: COLUMNS[name] for name in NAMES[:-1]})
