"""The part of the way that a pass walks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffusion.toys import STEADY
from mezzotint.values.errors import BadValue
from mezzotint.values.span import Span


def test_what_is_left_out_is_the_whole_way() -> None:
    assert Span() == Span(start=0.0, stop=1.0, unit="steps")


@STEADY
@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["steps", "time"]))
def test_only_forwards(start: float, stop: float, unit: str) -> None:
    given = {"start": start, "stop": stop, "unit": unit}
    if start <= stop:
        span = Span.model_validate(given)
        assert Span.model_validate_json(span.model_dump_json()) == span
        return
    with pytest.raises(BadValue, match="put the smaller one first"):
        Span.model_validate(given)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"start": -0.1}, "start: -0.1 is out of range; use 0 to 1"),
        ({"stop": 1.1}, "stop: 1.1 is out of range"),
        ({"unit": "hours"}, "unit: 'hours' is not allowed; use 'steps' or 'time'"),
    ],
)
def test_what_is_wrong_is_said(given: dict[str, object], text: str) -> None:
    with pytest.raises(BadValue, match=text):
        Span.model_validate(given)
