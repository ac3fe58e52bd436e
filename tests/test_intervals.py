"""Span arithmetic against plain sets of whole seconds, and its edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsat.intervals import (
    as_spans,
    clip_spans,
    intersect_spans,
    invert_spans,
    overlaps_s,
    spans_from_mask,
    subtract_spans,
    total_s,
    unite_spans,
)

END = 24
rows = st.lists(st.tuples(st.integers(-3, END), st.integers(-3, END)), max_size=6)


def seconds(pairs) -> set[int]:
    """Whole seconds that half-open pairs of whole numbers cover."""
    return {second for start, stop in pairs for second in range(int(start), int(stop))}


def is_normal(spans) -> bool:
    flat = spans.reshape(-1)
    return spans.ndim == 2 and spans.dtype == np.float64 and bool(np.all(np.diff(flat) > 0))


@settings(max_examples=300)
@given(rows)
def test_normal_form_covers_the_same_seconds(pairs):
    spans = as_spans(pairs)
    assert is_normal(spans)
    assert seconds(spans) == seconds(pairs)
    assert total_s(np.array(pairs, dtype=float).reshape(-1, 2)) == len(seconds(pairs))


@settings(max_examples=300)
@given(rows, rows)
def test_set_operations_are_those_of_sets(first, second):
    a, b = as_spans(first), as_spans(second)
    for spans, expected in (
        (unite_spans(a, b), seconds(first) | seconds(second)),
        (intersect_spans(a, b), seconds(first) & seconds(second)),
        (subtract_spans(a, b), seconds(first) - seconds(second)),
        (clip_spans(a, 2, 9), seconds(first) & set(range(2, 9))),
        (invert_spans(a, 2, 9), set(range(2, 9)) - seconds(first)),
    ):
        assert is_normal(spans)
        assert seconds(spans) == expected


@settings(max_examples=200)
@given(rows, rows)
def test_overlap_is_the_number_of_shared_seconds(pairs, others):
    others = [pair for pair in others if pair[1] >= pair[0]]
    expected = [len(seconds(pairs) & seconds([other])) for other in others]
    overlaps = overlaps_s(np.array(others, dtype=float).reshape(-1, 2), as_spans(pairs))
    assert overlaps.tolist() == expected


@settings(max_examples=200)
@given(st.lists(st.booleans(), max_size=20))
def test_mask_to_spans_and_back(mask):
    spans = spans_from_mask(np.array(mask, dtype=bool), 1.0)
    assert is_normal(spans)
    assert seconds(spans) == {i for i, is_set in enumerate(mask) if is_set}


def test_mask_has_a_rate_and_a_start():
    spans = spans_from_mask(np.array([False, True, True, False, True]), 4.0, start_s=10.0)
    assert spans.tolist() == [[10.25, 10.75], [11.0, 11.25]]


@pytest.mark.parametrize("empty", [[], np.empty((0, 2)), [(5.0, 5.0)], [(5.0, 4.0)]])
def test_nothing_is_an_empty_array_of_pairs(empty):
    spans = as_spans(empty)
    assert spans.shape == (0, 2)
    assert total_s(spans) == 0.0
    assert overlaps_s(np.array([[0.0, 10.0], [3.0, 4.0]]), spans).tolist() == [0.0, 0.0]
    assert overlaps_s(spans, np.array([[0.0, 1.0]])).shape == (0,)
    assert invert_spans(spans, 0, 10).tolist() == [[0, 10]]
    assert subtract_spans(spans, np.array([[0.0, 1.0]])).shape == (0, 2)
    assert intersect_spans(spans, np.array([[0.0, 1.0]])).shape == (0, 2)


def test_no_sets_unite_to_nothing():
    assert unite_spans().shape == (0, 2)


def test_touching_spans_are_one_and_a_gap_of_any_size_keeps_them_apart():
    assert as_spans([(0, 1), (1, 2)]).tolist() == [[0, 2]]
    assert as_spans([(0, 1), (1.000001, 2)]).tolist() == [[0, 1], [1.000001, 2]]


def test_a_span_inside_another_does_not_cut_it_short():
    assert as_spans([(0, 10), (2, 3), (11, 12)]).tolist() == [[0, 10], [11, 12]]


def test_the_stop_is_not_part_of_a_span():
    spans = as_spans([(0, 1)])
    assert intersect_spans(spans, as_spans([(1, 2)])).shape == (0, 2)
    assert overlaps_s(np.array([[1.0, 2.0]]), spans).tolist() == [0.0]


def test_inputs_are_left_as_they_were():
    a, b = np.array([[3.0, 4.0], [0.0, 1.0]]), np.array([[0.5, 3.5]])
    copies = a.copy(), b.copy()
    unite_spans(a, b), subtract_spans(a, b), clip_spans(a, 0, 2), intersect_spans(a, b)
    assert np.array_equal(a, copies[0])
    assert np.array_equal(b, copies[1])


def test_a_result_is_not_the_input_itself():
    """Spans in normal form come back as they are, yet whoever changes the result changes nothing else."""
    given = np.array([[0.0, 1.0], [3.0, 4.0]])
    as_spans(given)[0, 1] = 2.0
    assert given.tolist() == [[0.0, 1.0], [3.0, 4.0]]
