"""How edges are compared: closed forms, and a property."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzotint.evaluate.outlines import edge_f1, thickened


def line(row: int, size: int = 12) -> np.ndarray:
    plane = np.zeros((size, size), np.uint8)
    plane[row] = 255
    return plane


@pytest.mark.parametrize(
    ("away", "tolerance", "expected"), [(0, 0, 1), (1, 0, 0), (1, 1, 1), (2, 1, 0), (2, 2, 1)]
)
def test_lines_match_within_the_tolerance(away, tolerance, expected):
    assert edge_f1(line(4), line(4 + away), tolerance) == expected


def test_precision_and_recall_are_weighed_alike():
    both = line(2) + line(9)
    assert edge_f1(both, line(2)) == pytest.approx(2 * 0.5 / 1.5)
    assert edge_f1(line(2), both) == pytest.approx(2 * 0.5 / 1.5)


def test_nothing_agrees_with_nothing_alone():
    nothing = np.zeros((12, 12), np.uint8)
    assert edge_f1(nothing, nothing) == 1
    assert edge_f1(nothing, line(3)) == edge_f1(line(3), nothing) == 0


def test_borders_are_no_edges():
    corner = np.zeros((5, 5), np.uint8)
    corner[0, 0] = 1
    near = thickened(corner, 1)
    assert near.sum() == 4 and near[:2, :2].all()


@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_the_score_is_symmetric_and_bounded(seed, tolerance):
    one, other = (np.random.default_rng((seed, k)).random((9, 7)) < 0.2 for k in range(2))
    score = edge_f1(one, other, tolerance)
    assert 0 <= score <= 1
    assert score == pytest.approx(edge_f1(other, one, tolerance))
    assert edge_f1(one, one, tolerance) == 1
