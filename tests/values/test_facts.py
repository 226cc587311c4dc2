"""Run facts: to plain values and back, and typed errors for what is not ours."""

from dataclasses import replace

import pytest

from mezzotint.values.errors import BadValue
from mezzotint.values.facts import RunFacts
from values.samples import FACTS

PLAIN = FACTS.to_plain()


def test_round_trip_without_the_time() -> None:
    assert "seconds" not in PLAIN
    assert RunFacts.from_plain(PLAIN) == replace(FACTS, seconds=0.0)
    assert RunFacts.from_plain({**PLAIN, "model_digest": None}).model_digest is None


@pytest.mark.parametrize(
    ("plain", "text"),
    [
        (None, "facts: must be an object with fields, not None"),
        ([1], "facts: must be an object"),
        ({}, "facts.program_version: is not what"),
        ({**PLAIN, "colour": 1}, "facts.colour: is not what"),
        ({**PLAIN, "seconds": 1.0}, "facts.seconds: is not what"),
        ({**PLAIN, "threads": True}, "facts.threads: is not what"),
        ({**PLAIN, "threads": "2"}, "facts.threads: is not what"),
        ({**PLAIN, "device": None}, "facts.device: is not what"),
        ({**PLAIN, "device": "x" * 4097}, "facts.device: is not what"),
        ({**PLAIN, "x" * 9999: 1}, "facts.xxx"),
    ],
)
def test_what_is_not_ours_is_refused(plain: object, text: str) -> None:
    with pytest.raises(BadValue, match=text) as caught:
        RunFacts.from_plain(plain)
    assert len(str(caught.value)) < 200
