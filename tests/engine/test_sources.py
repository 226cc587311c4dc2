"""Pictures from pictures: image-to-image, masks, several passes, and what is refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from engine.recipes import assert_a_batch_is_as_each_alone, draw, recipe
from families.reduced import LETTERS, like
from mezzotint.engine import enlarging
from mezzotint.engine.engine import Engine
from mezzotint.engine.enlarging import enlarger
from mezzotint.engine.ground import Ground, encoded, pixels_of, small
from mezzotint.engine.stages import decode, finish, settled
from mezzotint.families.sd1 import SD1_INPAINTING
from mezzotint.values.errors import BadPicture, BadValue, MezzotintError
from mezzotint.values.events import Prepared, Stepped
from mezzotint.values.recipe import ModelUse, Recipe
from mezzotint.values.tiling import Tiling


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A picture of 32 x 32 pixels with colour everywhere."""
    across, down = np.meshgrid(np.arange(32), np.arange(32))
    levels = np.stack([across * 8, down * 8, 255 - across * 4 - down * 4], axis=2)
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    Image.fromarray(levels.astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def mask(photo):
    """White in the right half."""
    path = photo.with_name("mask.png")
    half = Image.new("L", (32, 32), 0)
    half.paste(255, (16, 0, 32, 32))
    half.save(path)
    return path


def array(picture):
    return np.asarray(picture.image, dtype=int)


def test_strength_zero_is_what_the_autoencoder_makes_of_the_picture(engine, photo):
    with engine.placement.pinned(exact=True):
        opened = engine._models.get(ModelUse(base="toy"), "float32")
        latent = encoded(opened, pixels_of(Image.open(photo)), Tiling())
        (image,) = finish(decode(opened, latent, False, Tiling()))
    drawn = draw(engine, recipe(image=photo, strength=0.0))
    assert drawn.image.tobytes() == image.tobytes()


def test_strength_one_from_noise_is_text_to_image(engine, photo):
    assert (
        array(draw(engine, recipe(image=photo, strength=1.0))).tolist()
        == array(draw(engine, recipe())).tolist()
    )
    noised = draw(engine, recipe(image=photo, strength=1.0, start="noised"))
    assert array(noised).tolist() != array(draw(engine, recipe())).tolist()


def test_a_mask_is_measured_in_pixels_of_the_picture_whatever_its_format(engine, photo, mask):
    """A large JPEG is read smaller where that saves time, but not where something is said in its pixels."""
    large = Image.open(photo).resize((256, 256), Image.Resampling.BICUBIC)
    large.save(photo.with_name("large.jpg"), quality=95)
    Image.open(photo.with_name("large.jpg")).save(photo.with_name("large.png"))
    asked = {"mask": mask, "mask_grow": 24, "mask_blur": 8.0, "strength": 0.5, "width": 32, "height": 32}
    one, other = (
        array(draw(engine, recipe(image=photo.with_name(name), **asked)))
        for name in ("large.jpg", "large.png")
    )
    assert one.tolist() == other.tolist()


def test_the_weaker_the_nearer(engine, photo):
    kept = array(draw(engine, recipe(image=photo, strength=0.0, steps=10)))
    apart = [
        np.abs(array(draw(engine, recipe(image=photo, strength=s, steps=10))) - kept).mean()
        for s in (0.1, 0.3, 0.6, 0.9)
    ]
    assert apart == sorted(apart)
    assert apart[0] > 0


@pytest.mark.parametrize(
    ("strength", "steps"), [(0.0, 0), (0.1, 1), (0.29, 2), (0.3, 3), (0.99, 9), (1.0, 10)]
)
def test_strength_is_the_share_of_the_steps_that_is_walked(engine, photo, strength, steps):
    events = list(engine.run(recipe(image=photo, strength=strength, steps=10)))
    assert events[0] == Prepared(1, steps, "toy")
    assert [event.step for event in events if isinstance(event, Stepped)] == list(range(1, steps + 1))


@pytest.mark.parametrize(
    "sampler", ["euler", "dpmpp_2m", "euler_a", "dpmpp_sde", "unipc", "restart", "euler_cfg_pp"]
)
def test_outside_the_mask_every_pixel_is_the_pictures(engine, photo, mask, sampler):
    drawn = array(draw(engine, recipe(image=photo, mask=mask, sampler=sampler, steps=4)))
    original = np.asarray(Image.open(photo), dtype=int)
    assert np.array_equal(drawn[:, :16], original[:, :16])
    assert not np.array_equal(drawn[:, 16:], original[:, 16:])


def test_without_pasting_the_kept_latent_still_decodes_to_the_picture(engine, photo, mask):
    drawn = array(draw(engine, recipe(image=photo, mask=mask, mask_paste="no", steps=4)))
    kept = array(draw(engine, recipe(image=photo, strength=0.0)))
    # The middle of the decoder looks at the whole picture, and random weights make much of it.
    assert np.abs(drawn - kept)[:, :8].mean() < np.abs(drawn - kept)[:, 24:].mean() / 2


def test_a_black_mask_gives_the_picture_back(engine, photo, tmp_path):
    black = tmp_path / "black.png"
    Image.new("L", (32, 32), 0).save(black)
    for area in ("whole", "masked"):
        drawn = draw(engine, recipe(image=photo, mask=black, mask_area=area))
        assert drawn.image.tobytes() == Image.open(photo).tobytes()


def test_an_inverted_mask_draws_the_other_half(engine, photo, mask):
    drawn = array(draw(engine, recipe(image=photo, mask=mask, mask_invert="yes")))
    original = np.asarray(Image.open(photo), dtype=int)
    assert np.array_equal(drawn[:, 16:], original[:, 16:])


@pytest.mark.parametrize("fill", ["original", "surround", "noise", "nothing"])
def test_what_lies_under_the_mask_matters(engine, photo, mask, fill):
    wishes = {"image": photo, "mask": mask, "strength": 0.5, "steps": 4}
    drawn = array(draw(engine, recipe(**wishes, mask_fill=fill)))
    plain = array(draw(engine, recipe(**wishes)))
    assert (fill == "original") == np.array_equal(drawn, plain)


def test_only_the_masked_part_is_drawn_and_the_rest_keeps_its_size(engine, tmp_path):
    rng = np.random.default_rng(1)
    big = Image.fromarray(rng.integers(0, 255, (96, 128, 3), dtype=np.uint8))
    spot = Image.new("L", big.size, 0)
    spot.paste(255, (80, 40, 96, 56))
    big.save(tmp_path / "big.png")
    spot.save(tmp_path / "spot.png")
    drawn = draw(
        engine,
        recipe(
            image=tmp_path / "big.png",
            mask=tmp_path / "spot.png",
            mask_area="masked",
            mask_padding=8,
            steps=3,
        ),
    )
    assert drawn.image.size == big.size
    changed = (array(drawn) != np.asarray(big, dtype=int)).any(axis=2)
    where = np.argwhere(changed)
    assert where.min(axis=0).tolist() >= [40, 80]
    assert where.max(axis=0).tolist() <= [55, 95]
    assert changed[40:56, 80:96].mean() > 0.9


def test_new_space_is_drawn_around_a_picture(engine, photo):
    drawn = draw(engine, recipe(width=None, height=None, image=photo, extend=(16, 0, 8, 8), strength=1.0))
    assert drawn.image.size == (56, 40)
    original = np.asarray(Image.open(photo), dtype=int)
    assert np.array_equal(array(drawn)[:32, 16:48], original)
    assert np.std(array(drawn)[:, :16]) > 1


def test_a_soft_mask_changes_more_where_it_is_brighter(engine, photo, tmp_path):
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 4, dtype=np.uint8).repeat(8), (32, 1)))
    ramp.save(tmp_path / "ramp.png")
    wishes = {"image": photo, "strength": 1.0, "start": "noised", "steps": 9, "mask_paste": "no"}
    drawn = array(draw(engine, recipe(**wishes, mask=tmp_path / "ramp.png", mask_soft="yes")))
    kept = array(draw(engine, recipe(image=photo, strength=0.0)))
    apart = np.abs(drawn - kept).mean(axis=(0, 2)).reshape(4, 8).mean(axis=1)
    assert apart[0] < apart[1] < apart[3]


def test_transparency_says_where_to_draw_or_is_kept(engine, tmp_path):
    clear = Image.new("RGBA", (32, 32), (200, 30, 30, 255))
    clear.paste((0, 0, 0, 0), (0, 0, 16, 32))
    clear.save(tmp_path / "clear.png")
    kept = draw(engine, recipe(image=tmp_path / "clear.png"))
    assert kept.image.mode == "RGBA"
    assert kept.image.getchannel("A").tobytes() == clear.getchannel("A").tobytes()
    filled = draw(engine, recipe(image=tmp_path / "clear.png", mask_grow=0))
    assert filled.image.mode == "RGB"
    assert np.array_equal(array(filled)[:, 16:], np.asarray(clear.convert("RGB"), dtype=int)[:, 16:])


def test_a_second_pass_draws_larger(engine):
    one = recipe(then=["scale=2,strength=0.5,steps=4"])
    events = list(engine.run(one))
    assert [e for e in events if isinstance(e, Prepared)] == [
        Prepared(1, 2, "toy", 1, 2),
        Prepared(1, 2, "toy", 2, 2),
    ]
    assert events[-1].picture.image.size == (64, 64)
    assert Recipe.from_json(one.to_json()) == one


def test_a_pass_that_changes_nothing_changes_nothing(engine):
    plain = draw(engine, recipe())
    again = draw(engine, recipe(then=["strength=0"]))
    assert again.image.tobytes() == plain.image.tobytes()


@pytest.mark.parametrize("unit", ["steps", "time"])
@pytest.mark.parametrize("sampler", ["euler", "ddim", "heun"])
def test_a_walk_in_two_parts_is_the_whole_walk(engine, sampler, unit):
    wishes = {"sampler": sampler, "steps": 6}
    whole = draw(engine, recipe(**wishes))
    parted = draw(engine, recipe(**wishes, then=[f"from=0.5,unit={unit}"]))
    assert parted.image.tobytes() == whole.image.tobytes()


@pytest.mark.parametrize("upscaler", ["lanczos", "nearest", "latent", "latent_bicubic", "latent_nearest"])
def test_every_upscaler_enlarges(engine, upscaler):
    drawn = draw(engine, recipe(then=[f"scale=1.5,upscaler={upscaler},strength=0.5"]))
    assert drawn.image.size == (48, 48)
    assert array(drawn).std() > 1


def test_a_pass_may_have_its_own_words_and_sampler(engine):
    before = draw(engine, recipe(then=["strength=0.5"]))
    after = draw(engine, recipe(then=["strength=0.5,sampler=ddim,prompt=a boat, at sea"]))
    assert before.image.tobytes() != after.image.tobytes()
    assert after.recipe.passes[1].prompt.text == "a boat, at sea"


def test_batches_of_sources_are_equal_one_by_one(engine, photo, mask):
    recipes = [
        recipe(f"word {i}", image=photo, mask=mask, seed=i, then=["scale=2,strength=0.4"]) for i in range(3)
    ]
    together = {
        e.index: e.picture.image.tobytes() for e in engine.run_batch(recipes) if hasattr(e, "picture")
    }
    assert [together[i] for i in range(3)] == [draw(engine, one).image.tobytes() for one in recipes]


def test_the_recipe_knows_the_content_of_its_pictures(engine, photo, tmp_path):
    copy = tmp_path / "copy.png"
    copy.write_bytes(photo.read_bytes())
    one = recipe(image=copy)
    assert one.passes[0].source.picture.sha256 is not None
    Image.new("RGB", (32, 32)).save(copy)
    with pytest.raises(BadPicture, match="not the picture that was asked for"):
        draw(engine, one)


@pytest.mark.parametrize(
    ("wishes", "text"),
    [
        ({"strength": 0.5}, "image: is missing"),
        ({"mask": "x.png"}, "image: is missing"),
        ({"image": "nowhere.png"}, "[Nn]o such file"),
        ({"then": ["scale=2,upscaler=magic"]}, "unknown upscaler"),
        ({"then": ["sacle=2"]}, "did you mean scale"),
        ({"then": ["scale"]}, "NAME=VALUE"),
        ({"then": ["scale=two"]}, "must be a number"),
        ({"then": ["from=1.5"]}, "is no share of the way; use 0 to 1"),
        ({"then": ["from=0.5,scale=2"]}, "goes on where another stopped"),
    ],
)
def test_what_does_not_fit_is_refused(engine, wishes, text):
    with pytest.raises(MezzotintError, match=text):
        draw(engine, recipe(**wishes))


def test_a_mask_needs_something_that_says_where(engine, photo):
    with pytest.raises(BadValue, match="has no transparency"):
        draw(engine, recipe(image=photo, mask_blur=2.0))


def test_a_model_that_is_shown_the_mask_draws_around_it_too():
    """Without pasting; what an ordinary model keeps in the latent is decoded as it was."""
    family = like(SD1_INPAINTING, LETTERS)
    clean, change = torch.zeros(1, 4, 2, 2), torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])
    latent, ground = torch.ones(1, 4, 2, 2), Ground(clean, change)
    assert torch.equal(settled(latent, family, ground), latent)
    assert torch.equal(settled(latent, LETTERS, ground), change.expand(1, 4, 2, 2))
    assert torch.equal(settled(latent, LETTERS, Ground(clean)), latent)
    softly = Ground(clean, change * 0.25, soft=True)
    # What may change a little has changed by then, and is taken as it is.
    assert torch.equal(settled(latent, LETTERS, softly), change.expand(1, 4, 2, 2))


def test_of_a_hard_mask_every_pixel_counts_and_of_a_soft_one_the_mean():
    mask = torch.zeros(1, 1, 16, 8)
    mask[0, 0, 3, 5] = 1
    assert small(mask, 8, soft=False).flatten().tolist() == [1, 0]
    assert small(mask, 8, soft=True).flatten().tolist() == [1 / 64, 0]


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_further_passes_of_a_batch_go_on_with_their_own_pictures(engine, mode):
    wishes = {"then": ["scale=1.5,strength=0.5,upscaler=bicubic"], "numerics": mode}
    assert_a_batch_is_as_each_alone(engine, [recipe(seed=seed, **wishes) for seed in (1, 2, 3)])


def test_a_network_enlarges_and_its_tiles_do_not_show(engine, monkeypatch):
    rng = np.random.default_rng(3)
    little = Image.fromarray(rng.integers(0, 255, (70, 50, 3), dtype=np.uint8))
    cpu = engine.placement.device
    enlarge = enlarger("mini_2x", cpu)
    assert enlarger("lanczos", cpu) is None
    with engine.placement.pinned(exact=True):
        whole = enlarge(little, (90, 90))
        monkeypatch.setattr(enlarging, "TILE", 32)
        parts = enlarge(little, (90, 90))
        assert enlarge(little, (50, 70)) is little
        assert enlarge(little, (54, 76)) is little  # the rest is left to resampling
        assert enlarge(little, (150, 210)).size == (200, 280)
        # A side that is long enough does not grow with the other.
        assert enlarge(little, (300, 10)).size == (400, 20)
    assert whole.size == (100, 140)
    assert np.abs(np.asarray(whole, dtype=int) - np.asarray(parts)).max() <= 1
    drawn = draw(engine, recipe(then=["scale=2,upscaler=mini_2x,strength=0.5"]))
    assert drawn.image.size == (64, 64)
    plain = draw(engine, recipe(then=["scale=2,strength=0.5"]))
    assert drawn.image.tobytes() != plain.image.tobytes()


@pytest.mark.parametrize("fit", ["cover", "contain", "stretch"])
def test_a_picture_is_enlarged_only_as_far_as_it_fits(engine, tmp_path, fit, monkeypatch):
    """One of 8 x 128 pixels would be 1024 high at 64 across."""
    rng = np.random.default_rng(3)
    Image.fromarray(rng.integers(0, 255, (128, 8, 3), dtype=np.uint8)).save(tmp_path / "thin.png")
    wishes = {"image": tmp_path / "thin.png", "width": 64, "height": 64, "redraw": "no"}
    sizes = []
    monkeypatch.setattr(enlarging, "pixels_of", lambda part: sizes.append(part.size) or pixels_of(part))
    drawn = draw(engine, recipe(**wishes, upscaler="mini_2x", fit=fit))
    assert drawn.image.size == (64, 64)
    asked = {"cover": [(8, 8), (16, 16), (32, 32)], "contain": [], "stretch": [(8, 64), (16, 64), (32, 64)]}
    assert sizes == asked[fit]


def test_around_a_mask_the_upscaler_is_used_too(engine, photo, mask):
    wishes = {"image": photo, "mask": mask, "mask_area": "masked", "mask_padding": 0, "strength": 0.0}
    wishes |= {"width": 64, "height": 64}
    drawn = [array(draw(engine, recipe(**wishes, upscaler=one))) for one in ("lanczos", "nearest", "mini_2x")]
    assert len({one.tobytes() for one in drawn}) == 3, "the same for all"
    assert all(np.array_equal(one[:, :16], drawn[0][:, :16]) for one in drawn)


def test_a_picture_that_is_not_drawn_comes_back_as_it_was(engine, photo):
    same = draw(engine, recipe(image=photo, redraw="no"))
    assert same.image.tobytes() == Image.open(photo).tobytes()
    large = draw(engine, recipe(image=photo, redraw="no", width=64, height=64))
    assert large.image.tobytes() == Image.open(photo).resize((64, 64), Image.Resampling.LANCZOS).tobytes()
    network = draw(engine, recipe(image=photo, redraw="no", upscaler="mini_2x", width=96, height=96))
    with engine.placement.pinned(exact=True):
        whole = enlarger("mini_2x", engine.placement.device)(Image.open(photo), (96, 96))
    assert whole.size == (128, 128)
    assert network.image.tobytes() == whole.resize((96, 96), Image.Resampling.LANCZOS).tobytes()


def test_a_picture_that_is_not_drawn_keeps_its_colours_under_its_transparency(engine, photo, tmp_path):
    alpha = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (32, 1))
    clear = Image.open(photo).copy()
    clear.putalpha(Image.fromarray(alpha))
    clear.save(tmp_path / "clear.png")
    same = np.asarray(draw(engine, recipe(image=tmp_path / "clear.png", redraw="no")).image, int)
    assert np.array_equal(same[..., 3], alpha)
    apart = np.abs(same[..., :3] - np.asarray(clear, int)[..., :3]).max(2)
    assert apart[alpha > 128].max() <= 2
    large = draw(
        engine, recipe(image=tmp_path / "clear.png", redraw="no", upscaler="mini_2x", width=64, height=64)
    )
    assert large.image.mode == "RGBA"
    assert np.abs(np.asarray(large.image.getchannel("A"), int)[::2, ::2] - alpha).mean() < 8


def test_passes_go_on_from_what_was_only_enlarged(engine, photo):
    """As from a file that holds it."""
    before = draw(engine, recipe(image=photo, redraw="no", width=64, height=64))
    file = photo.with_name("before.png")
    before.image.save(file)
    once = draw(engine, recipe(image=photo, redraw="no", width=64, height=64, then=["strength=0.5"]))
    apart = draw(engine, recipe(image=file, strength=0.5, width=64, height=64, seed=2))
    assert once.image.size == apart.image.size
    assert once.image.tobytes() != before.image.tobytes()
    last = draw(engine, recipe(then=["scale=2,redraw=no,upscaler=nearest"]))
    first = draw(engine, recipe())
    assert last.image.tobytes() == first.image.resize((64, 64), Image.Resampling.NEAREST).tobytes()
    for text in ("from=0.5,redraw=no", "redraw=no,strength=0.5", "start=kept"):
        with pytest.raises(BadValue):
            draw(engine, recipe(image=photo, redraw="no", then=[text]))
    with pytest.raises(BadValue, match="here the picture itself is needed"):
        draw(engine, recipe(image=photo, redraw="no", then=["scale=2,upscaler=latent"]))
