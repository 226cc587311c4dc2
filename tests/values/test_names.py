"""The names of samplers, spacings, predictions and families are those of the registries."""

from mezzotint.diffusion import prediction, spacings
from mezzotint.diffusion.samplers import registry
from mezzotint.engine.hinting import OURS
from mezzotint.families.registry import FAMILIES
from mezzotint.values import names, sampler_names


def test_names_equal_the_registries() -> None:
    assert set(names.SAMPLERS) == set(registry.SAMPLERS)
    assert set(names.SPACINGS) == set(spacings.SPACINGS)
    assert set(names.PREDICTIONS) == set(prediction.PREDICTIONS)
    assert set(names.FAMILIES) == set(FAMILIES)
    assert set(names.HINTS) == set(OURS)


def test_every_name_has_a_title_for_other_programs() -> None:
    assert tuple(sampler_names.SAMPLER_TITLES) == names.SAMPLERS
    assert tuple(sampler_names.SPACING_TITLES) == names.SPACINGS
