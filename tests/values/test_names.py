"""The names of samplers, spacings, predictions and families are those of the registries."""

from mezzotint.diffusion import plan, prediction
from mezzotint.diffusion.samplers import registry
from mezzotint.families.registry import FAMILIES
from mezzotint.values import infotext, names


def test_names_equal_the_registries() -> None:
    assert set(names.SAMPLERS) == set(registry.SAMPLERS)
    assert set(names.SPACINGS) == set(plan.SPACINGS)
    assert set(names.PREDICTIONS) == set(prediction.PREDICTIONS)
    assert set(names.FAMILIES) == set(FAMILIES)


def test_every_name_has_a_title_for_other_programs() -> None:
    assert tuple(infotext.SAMPLER_TITLES) == names.SAMPLERS
    assert tuple(infotext.SPACING_TITLES) == names.SPACINGS
