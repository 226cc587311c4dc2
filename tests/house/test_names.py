"""The names users type (values/names.py) are the names the registries know, in both directions.

values/ cannot look into the registries, which need torch; so the names are written twice and held equal here.
"""

from mezzotint.diffusion.prediction import PREDICTIONS
from mezzotint.diffusion.samplers.registry import SAMPLERS
from mezzotint.diffusion.spacings import SPACINGS
from mezzotint.engine.hinting import OURS
from mezzotint.families.registry import FAMILIES
from mezzotint.values import names


def test_samplers():
    assert set(names.SAMPLERS) == set(SAMPLERS)


def test_spacings():
    assert set(names.SPACINGS) == set(SPACINGS)


def test_predictions():
    assert set(names.PREDICTIONS) == set(PREDICTIONS)


def test_families():
    assert set(names.FAMILIES) == set(FAMILIES)


def test_hints():
    assert set(names.HINTS) == set(OURS)


def test_no_name_is_listed_twice():
    for listed in (names.SAMPLERS, names.SPACINGS, names.PREDICTIONS, names.FAMILIES, names.HINTS):
        assert len(set(listed)) == len(listed)
