"""What the tests of random combinations share: a folder with pictures and networks, and the check of one recipe.

Files in it are written as `@name` wherever a wish names one.
"""

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from PIL import Image

from mezzotint.engine.composing.compose import compose
from mezzotint.values.errors import MezzotintError
from mezzotint.values.events import Drawn
from mezzotint.values.names import SAMPLERS, SPACINGS, STARTS, UPSCALERS, YES_NO
from mezzotint.values.recipe import Recipe

PICTURES = ("@plain.png", "@clear.png", "@tall.png", "@small.jpg")
MASKS = ("@half.png", "@ramp.png", "@black.png", "@white.png", "@other.png")
SIDES = st.sampled_from([0, 0, 8, 16, 5])
LIGHT = settings(
    max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=True
)


def write_pictures(folder):
    rng = np.random.default_rng(1)

    def noise(height, width, bands):
        return Image.fromarray(rng.integers(0, 256, (height, width, bands), dtype=np.uint8))

    noise(32, 32, 3).save(folder / "plain.png")
    noise(32, 32, 4).save(folder / "clear.png")
    noise(45, 21, 3).save(folder / "tall.png")
    noise(9, 12, 3).save(folder / "small.jpg")
    half = np.zeros((32, 32), np.uint8)
    half[:, 16:] = 255
    Image.fromarray(half).save(folder / "half.png")
    Image.fromarray(np.tile(np.linspace(0, 255, 32, dtype=np.uint8), (32, 1))).save(folder / "ramp.png")
    Image.new("L", (32, 32), 0).save(folder / "black.png")
    Image.new("1", (32, 32), 1).save(folder / "white.png")
    noise(17, 40, 4).save(folder / "other.png")


def maybe(strategy):
    """Mostly nothing said."""
    return st.none() | st.none() | strategy


def further(models):
    """The wishes of one further pass."""
    return st.fixed_dictionaries(
        {},
        optional={
            "scale": st.sampled_from(["0.5", "1.5", "2"]),
            "strength": st.sampled_from(["0", "0.3", "0.6", "1"]),
            "from": st.sampled_from(["0", "0.3", "0.5", "0.8", "1"]),
            "unit": st.sampled_from(["steps", "time"]),
            "upscaler": st.sampled_from(UPSCALERS),
            "redraw": st.sampled_from(YES_NO),
            "start": st.sampled_from(STARTS),
            "sampler": st.sampled_from(SAMPLERS),
            "steps": st.sampled_from(["1", "3"]),
            "model": st.sampled_from(models),
            "mask": st.sampled_from(MASKS),
            "guidance": st.sampled_from(["1", "5"]),
            "prompt": st.just("a boat, at sea"),
        },
    )


SAMPLED = {
    "sampler": st.sampled_from(SAMPLERS),
    "spacing": maybe(st.sampled_from(SPACINGS)),
    "steps": st.integers(1, 4),
    "guidance": st.sampled_from([1.0, 4.0]),
    "seed": st.sampled_from([0, 3, 2**64 - 1]),
}


def placed(value, place: Path):
    """`value` with paths in `place` for all files that it names."""
    if isinstance(value, str):
        return value.replace("@", f"{place}/")
    return [placed(part, place) for part in value] if isinstance(value, list) else value


def composed(place, wishes, seed):
    """The recipe of `wishes`, with names of files made into paths."""
    given = {name: placed(value, place) for name, value in wishes.items() if value is not None}
    # The text of a pass goes on to its end.
    orders = [sorted(one, key=lambda name: name == "prompt") for one in wishes["then"]]
    then = [
        ",".join(f"{n}={one[n]}" for n in order) for one, order in zip(wishes["then"], orders, strict=True)
    ]
    return compose("a red apple", **(given | {"then": placed(then, place), "seed": seed}))


def check(place, engine, wishes, made=composed):
    """Draws the recipes that `made` gives of `wishes`, in a batch and alone, or sees that they are refused."""
    try:
        recipes = [made(place, wishes, seed) for seed in (wishes["seed"], 7)]
        drawn = {one.index: one.picture.image for one in engine.run_batch(recipes) if isinstance(one, Drawn)}
        alone = [one.picture.image for one in engine.run(recipes[1]) if isinstance(one, Drawn)]
        said = ""
    except MezzotintError as error:
        said = str(error)
    event("refused" if said else "drawn")
    if said:
        assert "\n" not in said
        assert "; " in said
        return
    assert all(Recipe.from_json(recipe.to_json()) == recipe for recipe in recipes)
    if recipes[0].numerics.mode == "exact":
        assert drawn[1].tobytes() == alone[0].tobytes()
    for image in drawn.values():
        assert image.mode in ("RGB", "RGBA")
        assert np.asarray(image.convert("RGB")).std() > 1
