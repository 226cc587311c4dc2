"""From the controls and image prompts of a pass to the networks that it follows, with what they see.

Takes walks, their scene and what the pass before left. Gives `Follower`s. Opens the pictures that recipes name; whoever
calls sees to threads and precision.

Shapes: N pictures, P H W a hint.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import torch
from PIL import Image
from torch import Tensor

from mezzotint.diffusion.noise import seed_for, torch_stream
from mezzotint.diffusion.plan import Plan
from mezzotint.engine.canvas import Size
from mezzotint.engine.following import Follower, adapter, controlnet, image_prompt, joint_control, union
from mezzotint.engine.ground import encoded, pixels_of
from mezzotint.engine.model import Opened
from mezzotint.engine.pictures import opened_picture
from mezzotint.engine.prompting import said_of
from mezzotint.engine.reference import Looking, reference
from mezzotint.engine.scene import Left, Scene
from mezzotint.engine.shown import WHITE, hints, latents, levels, stacked, where
from mezzotint.engine.tiling import for_picture, left_to_wrap, seen_at_once
from mezzotint.engine.walk import ROUNDING, Walk
from mezzotint.families.family import Family
from mezzotint.nets.control_union import ControlUnion
from mezzotint.nets.controlnet import ControlNet
from mezzotint.nets.mmdit_control import MMDiTControl
from mezzotint.nets.t2i_adapter import T2IAdapter
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.nets.wrapping import wrapped
from mezzotint.values.controls import KINDS, REFERENCE, ControlUse, ImagePromptUse
from mezzotint.values.errors import BadValue, shorten


def followed(
    opened: Opened, walked: Sequence[Walk], drawn_on: Scene, left: Left | None, plan: Plan
) -> tuple[Follower, ...]:
    """What the pass follows over the steps of `plan`; what has no weight is not opened.

    Raises BadValue for what does not fit together, BadPicture, and what opening a network raises.
    """
    use = walked[0].use
    opened.controls.begin()
    asked = Asked(opened, walked, drawn_on, left, plan)
    followers: list[Follower] = []
    for _, alike in groupby((one for one in use.controls if one.weight != 0), _together):
        followers += _controls(asked, tuple(alike), len(followers))
    for number, one in enumerate(use.image_prompts):
        if one.weight != 0:
            followers.append(_image_prompt(asked, one, f"image_prompt.{number}"))
    return tuple(followers)


@dataclass(frozen=True, eq=False)
class Asked:
    """What is known of a pass: the model that is `opened`, how it is `walked` and `drawn_on`, what was `left`, and its
    `plan`."""

    opened: Opened
    walked: Sequence[Walk]
    drawn_on: Scene
    left: Left | None
    plan: Plan

    @property
    def drawn(self) -> Size:
        """Width and height of the drawing."""
        return self.walked[0].width, self.walked[0].height

    def span(self, use: ControlUse | ImagePromptUse) -> tuple[float, float]:
        """The numbers of the steps at which the shares `start` and `stop` of those that are walked lie; of a way in
        several parts they are shares of the whole."""
        walk, plan = self.walked[0], self.plan
        whole = walk.source is None or walk.source.start == "kept"
        first, steps = (0, walk.use.steps) if whole or not len(plan) else (plan.levels[0].step, len(plan))
        return first + use.start * steps - ROUNDING, first + use.stop * steps + ROUNDING

    def hint(self, use: ControlUse, factor: int, seen: Callable[[Image.Image], Tensor]) -> Tensor:
        """What a network sees that `use` names, `factor` pixels for each of the latent: N P H W."""
        own = self.opened.model.family.latent.factor
        size = self.drawn[0] // own * factor, self.drawn[1] // own * factor
        return stacked(hints(self.drawn_on, self.left, use, self.drawn, len(self.walked), size), seen)


def _together(use: ControlUse) -> ControlUse:
    """What controls have in common that one network may see together."""
    return use.model_copy(update={"picture": None, "hint": None, "shows": None, "weight": 1.0})


def _controls(asked: Asked, uses: Sequence[ControlUse], number: int) -> list[Follower]:
    """What follows for controls of one network, start, stop, mode and blocks, the first of them that of this number."""
    if uses[0].file == REFERENCE:
        return [_reference(asked, one, f"{REFERENCE}.{number + i}") for i, one in enumerate(uses)]
    net = asked.opened.controls.control(uses[0])
    if not isinstance(net, ControlUnion):
        return [_control(asked, net, one) for one in uses]
    kinds = [_kind(net, one) for one in uses]
    see = partial(levels, pixels=net.net.control.pixels)
    seen = [asked.hint(one, net.net.control.factor, see).to(net.kinds) for one in uses]
    net = wrapped(net, left_to_wrap(asked.walked[0], asked.opened.model.family))
    return [Follower(*asked.span(uses[0]), partial(union, net, seen, kinds, uses))]


def _kind(net: ControlUnion, use: ControlUse) -> int:
    """The number of what a hint shows."""
    if use.shown is None:
        told = "this network follows several kinds of hints and was not told which this one is"
        raise BadValue("control", told, f"say shows=NAME: {', '.join(KINDS)}")
    if KINDS[use.shown] >= net.union.kinds:
        told = f"this network knows no hints that show {use.shown}"
        raise BadValue("control", told, "use its second edition (promax)")
    return KINDS[use.shown]


def _control(asked: Asked, net: ControlNet | T2IAdapter | MMDiTControl, use: ControlUse) -> Follower:
    opened, walk, factor = asked.opened, asked.walked[0], asked.opened.model.family.latent.factor
    weight, (first, end) = next(net.parameters()), asked.span(use)
    if isinstance(net, MMDiTControl):
        see = partial(latents, opened, net=net.control, kind=use.shown, tiling=walk.use.tiling)
        return Follower(first, end, partial(joint_control, net, asked.hint(use, factor, see).to(weight), use))
    wraps = left_to_wrap(walk, opened.model.family)
    if isinstance(net, ControlNet):
        see = partial(levels, pixels=net.control.pixels)
        hint = asked.hint(use, net.control.factor, see).to(weight)
        return Follower(first, end, partial(controlnet, wrapped(net, wraps), hint, use))
    assert isinstance(opened.model.denoiser, UNet)
    _check_adapter(net, opened.model.denoiser.geometry, opened.model.family, asked.walked[0], use)
    hint = asked.hint(use, factor, partial(levels, pixels=net.geometry.pixels)).to(weight)
    unet = opened.model.denoiser.geometry
    return Follower(first, end, partial(adapter, wrapped(net, wraps), unet, hint, factor, use))


def _check_adapter(net: T2IAdapter, unet: UNetGeometry, family: Family, walk: Walk, use: ControlUse) -> None:
    """Raises BadValue for an adapter whose features are not as large as those of the model, and for a size that it
    cannot look at."""
    side, factor = net.geometry.unshuffle, family.latent.factor
    # A first level without transformers is met after it was halved.
    if side != (factor if unet.attention[0] else 2 * factor):
        told = f"{shorten(use.file, 200)} was made for models whose pictures are coded in other sizes"
        raise BadValue("control", told, f"use a T2I-Adapter that was made for {family.title}")
    across, down = seen_at_once(walk)
    if across % side or down % side:
        what = "a picture" if (across, down) == (walk.width, walk.height) else "a tile"
        told = f"{shorten(use.file, 200)} cannot look at {what} of {across}x{down}"
        raise BadValue("control", told, f"draw in sizes that are multiples of {side}")


def _reference(asked: Asked, use: ControlUse, name: str) -> Follower:
    walk = asked.walked[0]
    drawing = for_picture(asked.opened, walk)
    model, family = drawing.model, drawing.model.family
    if isinstance(family.denoiser, UNetGeometry) and family.unet.in_channels != family.latent.channels:
        told = f"{family.title} is shown a picture of its own, and cannot look at a reference"
        raise BadValue("control", told, "use a model that draws from a text")
    device = next(model.autoencoder.parameters()).device

    def see(image: Image.Image) -> Tensor:
        return encoded(drawing, pixels_of(image).to(device), walk.use.tiling)

    clean = asked.hint(use, family.latent.factor, see)
    streams = [torch_stream(seed_for(one.seed, REFERENCE)) for one in asked.walked]
    noise = torch.stack([stream(tuple(clean.shape[1:])) for stream in streams]).to(clean)
    looking = Looking(model.denoiser, model.prediction, clean, noise)
    return Follower(*asked.span(use), partial(reference, looking, use, name))


def _image_prompt(asked: Asked, use: ImagePromptUse, name: str) -> Follower:
    opened = asked.opened
    net, tower = opened.controls.prompt(use), opened.controls.encoder(use)
    pictures = [opened_picture(one).over(WHITE) for one in use.pictures]
    mask = None
    if use.mask is not None:
        mask = where(use.mask, asked.drawn_on, asked.drawn, len(asked.walked)).to(next(net.parameters()))
    over = image_prompt(said_of(net, tower, pictures, use), mask, opened.model.family.latent.factor, name)
    return Follower(*asked.span(use), over)
