"""The flat options: the table made from the Recipe's fields, and the way there and back."""

import pytest
from hypothesis import given, settings

from mezzotint.values import names
from mezzotint.values.errors import BadValue, UnknownName
from mezzotint.values.options import OPTIONS, assemble, flatten
from mezzotint.values.recipe import Recipe
from mezzotint.values.source import Source
from mezzotint.values.span import Span
from values.samples import PLAIN, recipes

FAMILY = {"sampler": "euler", "spacing": "leading", "steps": 20, "guidance": 7.5, "width": 64, "height": 64}


def test_the_table_is_pinned() -> None:
    rows = {o.name: (o.type, o.minimum, o.maximum, o.default, o.choices) for o in OPTIONS}
    none = (None, None)
    assert rows == {
        "prompt": (str, *none, None, ()),
        "negative": (str, *none, "", ()),
        "clip_skip": (int, 1, 12, None, ()),
        "dialect": (str, *none, "plain", ("plain", "a1111", "comfy", "compel")),
        "emphasis": (str, *none, None, ("original", "no_norm", "comfy", "compel", "ignore")),
        "pad": (str, *none, None, names.YES_NO),
        "model": (str, *none, "mini", ()),
        "prediction": (str, *none, None, ("noise", "velocity")),
        "zero_snr": (str, *none, None, names.YES_NO),
        "image": (str, *none, None, ()),
        "strength": (float, 0, 1, 0.75, ()),
        "start": (str, *none, "noise", names.STARTS),
        "fit": (str, *none, "cover", names.FITS),
        "extend": (tuple[int, int, int, int], *none, (0, 0, 0, 0), ()),
        "mask": (str, *none, None, ()),
        "mask_invert": (str, *none, "no", names.YES_NO),
        "mask_grow": (int, -256, 256, 0, ()),
        "mask_blur": (float, 0, 256, 0.0, ()),
        "mask_soft": (str, *none, "no", names.YES_NO),
        "mask_fill": (str, *none, "original", names.FILLS),
        "mask_area": (str, *none, "whole", names.AREAS),
        "mask_padding": (int, 0, 1024, 32, ()),
        "mask_paste": (str, *none, "yes", names.YES_NO),
        "depth": (str, *none, None, ()),
        "noise_level": (int, 0, 1000, None, ()),
        "upscaler": (str, *none, "lanczos", names.UPSCALERS),
        "redraw": (str, *none, "yes", names.YES_NO),
        "sampler": (str, *none, None, names.SAMPLERS),
        "eta": (float, 0, 1, None, ()),
        "s_noise": (float, 0, 2, None, ()),
        "s_churn": (float, 0, 1000, None, ()),
        "s_tmin": (float, 0, 1000, None, ()),
        "s_tmax": (float, 0, 1000, None, ()),
        "order": (int, 1, 4, None, ()),
        "restarts": (int, 0, 20, None, ()),
        "spacing": (str, *none, None, names.SPACINGS),
        "rho": (float, 0.1, 20, None, ()),
        "shift": (float, 0.01, 100, None, ()),
        "sigmas": (tuple[float, ...], *none, None, ()),
        "steps": (int, 1, 1000, None, ()),
        "guidance": (float, 0, 100, None, ()),
        "tile": (int, 16, 4096, None, ()),
        "tile_overlap": (int, 0, 4088, None, ()),
        "tile_window": (str, *none, None, names.WINDOWS),
        "seamless": (str, *none, None, names.SEAMLESS),
        "decode_tile": (int, 64, 4096, None, ()),
        "seed": (int, 0, 2**64 - 1, None, ()),
        "noise": (str, *none, "cpu", ("cpu", "nv", "comfy", "comfy-0.3", "invoke")),
        "noise_gpu": (str, *none, None, ()),
        "noise_index": (int, 0, 1023, 0, ()),
        "noise_batch": (int, 1, 1024, 1, ()),
        "ensd": (int, 1 - 2**32, 2**32 - 1, 0, ()),
        "variation_seed": (int, 0, 2**64 - 1, 0, ()),
        "variation_strength": (float, 0, 1, 0.0, ()),
        "seed_resize": (str, *none, None, ()),
        "width": (int, 8, 4096, None, ()),
        "height": (int, 8, 4096, None, ()),
        "numerics": (str, *none, "exact", ("exact", "fast")),
        "precision": (str, *none, "float32", ("float32", "bfloat16", "float16")),
    }
    assert next(iter(rows)) == "prompt"
    assert all(10 < len(o.help) < 90 for o in OPTIONS)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(recipes())
def test_there_and_back(recipe: Recipe) -> None:
    # Further passes are written in their own way, as the part of the way that the first one walks then.
    first = recipe.passes[0].model_copy(update={"span": Span()})
    recipe = recipe.model_copy(update={"passes": (first,)})
    flat = flatten(recipe)
    assert set(flat) == {option.name for option in OPTIONS}
    rebuilt = assemble(flat, {})
    # A file's hash is a fact about the file and no option.
    model = first.model.model_copy(update={"sha256": None})
    # So are guides other than cfg, which are written in their own way.
    guides = tuple(guide for guide in first.guides if guide.kind == "cfg")
    walk = first.model_copy(update={"model": model, "guides": guides, "source": _by_options(first.source)})
    assert rebuilt == recipe.model_copy(update={"passes": (walk,)})


def _by_options(source: Source | None) -> Source | None:
    if source is None or source.picture is None:
        return source
    mask = source.mask
    if mask is not None and mask.picture is not None:
        mask = mask.model_copy(update={"picture": mask.picture.model_copy(update={"sha256": None})})
    picture = source.picture.model_copy(update={"sha256": None})
    return source.model_copy(update={"picture": picture, "mask": mask})


def test_flat_wins_over_defaults_and_none_is_absent() -> None:
    recipe = assemble({"prompt": "x", "steps": 5, "width": None, "seed": 0, "model": None}, FAMILY)
    assert (recipe.passes[0].steps, recipe.width, recipe.seed) == (5, 64, 0)
    assert recipe.passes[0].model.base == "mini"


def test_without_guidance_there_is_no_guide() -> None:
    recipe = assemble({"prompt": "x", "seed": 1}, {**FAMILY, "guidance": None})
    assert recipe.passes[0].guides == ()
    assert flatten(recipe)["guidance"] is None


def test_an_empty_prompt_is_a_prompt() -> None:
    assert assemble({"prompt": "", "seed": 1}, FAMILY).prompt.text == ""


@pytest.mark.parametrize(
    ("flat", "text"),
    [
        ({"seed": 1}, "prompt: is missing"),
        ({"prompt": "x"}, "seed: is missing"),
        ({"prompt": "x", "seed": 1, "steps": 0}, "steps: 0 is out of range"),
        ({"prompt": "x", "seed": 1, "guidance": float("nan")}, "guidance: must be a finite number"),
    ],
)
def test_bad_values_name_the_option(flat: dict[str, object], text: str) -> None:
    with pytest.raises(BadValue, match=text):
        assemble(flat, FAMILY)


def test_nothing_at_all_asks_for_the_prompt_first() -> None:
    with pytest.raises(BadValue, match="prompt: is missing"):
        assemble({}, {})


@pytest.mark.parametrize("where", [0, 1])
def test_unknown_options_suggest_the_nearest(where: int) -> None:
    tables: list[dict[str, object]] = [flatten(PLAIN), {}]
    tables[where]["guidence"] = 3
    with pytest.raises(UnknownName, match="unknown option 'guidence'; did you mean guidance"):
        assemble(*tables)
