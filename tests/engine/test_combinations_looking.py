"""Models that look at pictures, with all that steers and changes them: a picture, or one line that says why not.

Random combinations as in `test_combinations`: inpainting of SD 1, SD 2, XL and of the embedded model, depth, unCLIP of
both sizes, instruct-pix2pix, x4, SD 3; LoRA, ControlNet, T2I-Adapter, IP-Adapter, regions, tiles, further passes,
hand-over.
"""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.loras import low_rank
from engine.combining import (
    LIGHT,
    MASKS,
    PICTURES,
    SAMPLED,
    SIDES,
    check,
    composed,
    maybe,
    write_pictures,
)
from engine.followers import (
    adapter_file,
    controlnet_file,
    image_prompt_file,
    joint_control_file,
    joint_prompt_file,
)
from families.reduced import FAMILIES as SMALL
from families.reduced import LETTERS, SMALL2, SMALL_REFINER, SMALL_UNCLIP, SMALL_XL, like
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.sd1 import SD1_INPAINTING, SD1_PIX2PIX
from mezzotint.nets.augmentor import AugmentorGeometry
from mezzotint.nets.mmdit_control import MMDiTControlGeometry
from mezzotint.nets.unet import Vector
from mezzotint.values.names import AREAS, FILLS, FITS, HINTS, SAMPLERS, STARTS, UPSCALERS, YES_NO
from mezzotint.weights.files import save_tensors
from parity.test_pipeline_sd3 import FAMILIES as SD3
from parity.test_pipeline_xl import lettered

L = replace(SMALL_UNCLIP.pictures["image"], projection=16, activation="quick_gelu")
UNCLIP_L = replace(
    SMALL_UNCLIP,
    denoiser=replace(SMALL_UNCLIP.unet, added=Vector(pooled=16, numbers=1, waves=16)),
    pictures={"image": L, "augmentor": AugmentorGeometry(16)},
)
JOINT = SD3["sd3.5-medium"]
LOOKING = {
    "@inpainting": ("sd1", like(SD1_INPAINTING, LETTERS)),
    "@pix2pix": ("sd1", like(SD1_PIX2PIX, LETTERS)),
    "@sd2-inpainting": ("sd2", lettered(SMALL["sd2-inpainting"])),
    "@depth": ("sd2", lettered(SMALL["sd2-depth"])),
    "@unclip-h": ("sd2", lettered(SMALL_UNCLIP)),
    "@unclip-l": ("sd2", lettered(UNCLIP_L)),
    "@xl-inpainting": ("xl", lettered(SMALL["sdxl-inpainting"])),
    "@x4": ("x4", lettered(SMALL["x4-upscaler"])),
}
OTHERS = {
    "@sd1": ("sd1", LETTERS),
    "@xl": ("xl", lettered(SMALL_XL)),
    "@refiner": ("refiner", lettered(SMALL_REFINER)),
    "@sd3": ("sd3", JOINT),
}
BASES = {name: base for name, (base, _) in (LOOKING | OTHERS).items()} | {
    "toy": "toy",
    "mini-inpainting": "mini",
}
MADE_FOR = {"toy": toy.TOY, "sd1": LETTERS, "sd2": SMALL2, "xl": SMALL_XL}
EYES = {base: f"@ip-{base}.safetensors" for base in MADE_FOR} | {"sd3": "@joint/ip.safetensors"}
"""Image prompts; each looks through the tower beside it."""
LEVELLED = ("@unclip-h", "@unclip-l", "@x4")
QUERY = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with small models, pictures, masks, and networks for them."""
    folder = tmp_path_factory.mktemp("looking")
    for name, (_, family) in (LOOKING | OTHERS).items():
        export_diffusers(toy.make(family), folder / name[1:])
    write_pictures(folder)
    for base, family in MADE_FOR.items():
        unet = family.unet
        controlnet_file(folder / f"net-{base}.safetensors", unet)
        adapter_file(folder / f"t2i-{base}.safetensors", unet, family.latent.factor)
        image_prompt_file(folder / f"ip-{base}.safetensors", unet, plus=base == "sd2")
        shapes = {QUERY: (unet.channels[-1], unet.channels[-1])}
        save_tensors(low_rank(shapes, shapes), folder / f"lora-{base}.safetensors")
    net = JOINT.denoiser
    joint = MMDiTControlGeometry(replace(net, layers=2, dual=1), net.layers, zeros=True)
    joint_control_file(folder / "net-sd3.safetensors", joint)
    (folder / "joint").mkdir()
    joint_prompt_file(folder / "joint" / "ip.safetensors", net)
    return folder


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


FOLLOWED = st.builds(
    ",".join,
    st.tuples(
        st.sampled_from(
            ["hint=canny", "hint=tile:down=2", "weight=0.7", *(f"hint={name}" for name in HINTS)]
        ),
        st.sampled_from(["image=@plain.png", "image=@tall.png", "weight=1", "image=@clear.png"]),
        st.sampled_from(["start=0.3", "stop=0.5", "mode=prompt", "mode=control", "blocks=1+0", "stop=1"]),
    ).map(lambda parts: list({part.partition("=")[0]: part for part in parts}.values())),
)
PROMPTING = st.sampled_from(
    ["@plain.png", "@small.jpg,weight=0.5", "@plain.png+@tall.png,mask=@half.png", "@clear.png,start=0.4"]
)
REGIONS = (
    "0,0,0.5,1:a boat",
    "@half.png:a tree",
    "0.5,0,1,1,form=attention:a car",
    "0.3,0.2,0.9,0.9:a (red:1.3) boat",
    "0,0,1,1:sea",
)
GUIDES = ("rescale:0.5", "apg", "sag:0.5", "pag:2", "perp-neg", "image-cfg:3", "interval:0.2,0.8")
DRAWN = {
    "tile": maybe(st.just(32)),
    "seamless": maybe(st.sampled_from(["x", "both"])),
    "decode_tile": maybe(st.just(64)),
    "negative": maybe(st.just("blue")),
    "region": maybe(st.lists(st.sampled_from(REGIONS), max_size=3)),
    "guide": maybe(st.lists(st.sampled_from(GUIDES), max_size=2, unique=True)),
    "numerics": maybe(st.just("fast")),
    "handed": st.booleans(),
}
MASKED = {
    "mask_invert": maybe(st.sampled_from(YES_NO)),
    "mask_grow": maybe(st.sampled_from([-3, 4])),
    "mask_soft": maybe(st.sampled_from(YES_NO)),
    "mask_fill": maybe(st.sampled_from(FILLS)),
    "mask_area": maybe(st.sampled_from(AREAS)),
    "mask_blur": maybe(st.sampled_from([0.5, 6.0])),
    "mask_paste": maybe(st.sampled_from(YES_NO)),
}
STARTED = {
    "strength": maybe(st.sampled_from([0.0, 0.3, 0.6, 1.0])),
    "start": maybe(st.sampled_from(STARTS[:2])),
}
PASSES = {
    "larger": {"scale": st.sampled_from(["0.5", "1.5", "2"]), "upscaler": st.sampled_from(UPSCALERS)},
    "again": {"steps": st.sampled_from(["1", "3"]), "sampler": st.sampled_from(SAMPLERS)},
    "onward": {"from": st.sampled_from(["0.3", "0.5", "0.8"]), "unit": st.sampled_from(["steps", "time"])},
    "masked": {"mask": st.sampled_from(MASKS), "prompt": st.just("a boat, at sea")},
    "other": {"model": st.sampled_from(list(BASES))},
    "refined": {"model": st.just("@refiner"), "from": st.sampled_from(["0.5", "0.8"])},
}


@st.composite
def after(draw):
    """The wishes of one further pass."""
    made = draw(st.fixed_dictionaries(PASSES[draw(st.sampled_from(list(PASSES)))]))
    return (
        made if "from" in made else made | draw(st.sampled_from([{}, {"strength": "0.6"}, {"strength": "1"}]))
    )


def source_of(draw, model):
    """What is said of the picture that a model of this name starts from; {} for none."""
    given = {"image": draw(st.sampled_from([*PICTURES * 3, None]))}
    if given["image"] is None:
        return {}
    given["upscaler"] = draw(maybe(st.sampled_from(["bicubic", "nearest", "mini_2x"])))
    given["redraw"] = draw(maybe(maybe(st.just("no"))))
    given["noise_level"] = draw(maybe(st.sampled_from([0, 20, 29, 1000]))) if model in LEVELLED else None
    if "unclip" in model:
        given["mix"] = draw(maybe(st.lists(st.sampled_from(["@tall.png", "@clear.png:0.5"]), max_size=2)))
    if model == "@x4":
        return given
    if model == "@depth":
        given["depth"] = draw(maybe(st.sampled_from(["@ramp.png", "@tall.png", "@black.png", "@other.png"])))
    given |= draw(st.fixed_dictionaries(STARTED))
    more = draw(st.sampled_from(["fit", "extend", "neither"]))
    if more != "neither":
        given[more] = draw(st.sampled_from(FITS) if more == "fit" else st.tuples(SIDES, SIDES, SIDES, SIDES))
    if "inpainting" in model or draw(st.booleans()):
        given |= {"mask": draw(st.sampled_from(MASKS))} | draw(st.fixed_dictionaries(MASKED))
    return given


def followers_of(draw, model):
    """The networks that steer or change a model of this name, mostly of those made for its like."""
    own = BASES[model] if BASES[model] in EYES else "sd1"
    base = st.sampled_from([own] * 9 + list(EYES))
    made = st.sampled_from([own] * 9 + list(MADE_FOR)) if own in MADE_FOR else st.sampled_from(list(MADE_FOR))
    nets = st.builds("@net-{}.safetensors:{}".format, base, FOLLOWED)
    adapters = st.builds("@t2i-{}.safetensors:{}".format, made, FOLLOWED)
    forms = st.sampled_from(["", "", ",form=statistics", ",form=both"])
    reference = st.builds("reference:{}{}".format, FOLLOWED, forms)
    if BASES[model] == "mini":
        partner = st.builds("{}:{}".format, st.sampled_from(("edges", "depth")), FOLLOWED)
        return {"control": draw(maybe(st.lists(partner | reference, max_size=2)))}
    prompts = st.builds("{}:{}".format, base.map(EYES.get), PROMPTING)
    loras = st.builds("@lora-{}.safetensors:{}".format, made, st.sampled_from([1, 0.5]))
    wanted = {"control": nets | adapters | reference, "image_prompt": prompts, "lora": loras}
    if own not in MADE_FOR:
        wanted = {"control": nets | nets | reference, "image_prompt": prompts}
    return {name: draw(maybe(st.lists(one, max_size=2))) for name, one in wanted.items()}


@st.composite
def wishes(draw, models=(*LOOKING, *BASES)):
    """Mostly a model with what was made for it; now and then something that it has no use for."""
    model = draw(st.sampled_from(models))
    given = {"model": model, **source_of(draw, model), **followers_of(draw, model)}
    given |= draw(st.fixed_dictionaries(SAMPLED | DRAWN))
    if model != "@x4":
        given |= {name: draw(st.sampled_from([32, 32, 48])) for name in ("width", "height")}
    odd = draw(
        st.sampled_from([{}] * 12 + [{"noise_level": 3}, {"mix": ["@tall.png"]}, {"depth": "@ramp.png"}])
    )
    return given | odd | {"then": draw(st.just([]) | st.lists(after(), max_size=2))}


def handed(place, wishes, seed):
    """The recipe of `wishes`; where they say so, its last pass alone follows what its first one would."""
    recipe = composed(place, {name: value for name, value in wishes.items() if name != "handed"}, seed)
    if not wishes["handed"] or len(recipe.passes) == 1:
        return recipe
    first, *between, last = recipe.passes
    given = {name: getattr(first, name) for name in ("controls", "image_prompts")}
    first = first.model_copy(update=dict.fromkeys(given, ()))
    last = last.model_copy(update={**given, "adapters": recipe.adapters})
    return recipe.model_copy(update={"passes": (first, *between, last)})


@LIGHT
@given(wishes())
def test_a_picture_or_one_line(place, engine, wishes):
    check(place, engine, wishes, handed)


@LIGHT
@given(wishes(("@sd3",)))
def test_a_picture_of_a_transformer_or_one_line(place, engine, wishes):
    check(place, engine, wishes, handed)


@pytest.mark.slow
@settings(LIGHT, max_examples=1500, derandomize=False)
@given(wishes())
def test_many_more_combinations(place, engine, wishes):
    check(place, engine, wishes, handed)
