"""Sizes that no timed resampler and no image prompt of a transformer can have."""

import pytest

from mezzotint.nets.joint_prompt import JointPrompt
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.nets.resampler import ResamplerGeometry, TimedResampler
from mezzotint.values.errors import BadValue

SIZES = ResamplerGeometry(10, 16, 8, 1)


@pytest.mark.parametrize("waves", [0, 1, 7])
def test_sinusoids_come_in_pairs(waves: int) -> None:
    with pytest.raises(BadValue, match=f"{waves} sinusoids of the time"):
        TimedResampler(SIZES, waves)


def test_tokens_are_as_wide_as_the_transformer() -> None:
    with pytest.raises(BadValue, match="tokens of width 16 for a transformer of 32"):
        JointPrompt(SIZES, 8, MMDiTGeometry(6, 2, 32, 3, 4, 24, 20, 10))
