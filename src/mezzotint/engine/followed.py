"""From the controls and image prompts of a pass to the networks that it follows, with what they see.

Takes walks, their scene and what the pass before left. Gives `Follower`s. Opens the pictures that recipes name; whoever
calls sees to threads and precision.

Shapes: N pictures, D width of a text state.
"""

from collections.abc import Sequence
from functools import partial

import torch
from PIL import Image
from torch import Tensor

from mezzotint.diffusion.plan import Plan
from mezzotint.engine.following import Follower, adapter, controlnet, image_prompt, joint_control
from mezzotint.engine.model import Opened
from mezzotint.engine.pictures import opened_picture
from mezzotint.engine.scene import Left, Scene
from mezzotint.engine.shown import WHITE, hints, latents, levels, stacked, where
from mezzotint.engine.tiling import left_to_wrap
from mezzotint.engine.walk import ROUNDING, Walk
from mezzotint.nets.controlnet import ControlNet
from mezzotint.nets.image_prompt import ImagePrompt, MlpProjection, Resampler, VectorProjection
from mezzotint.nets.mmdit_control import MMDiTControl
from mezzotint.nets.unet import UNet
from mezzotint.nets.vision import ClipVision
from mezzotint.nets.vision_input import clip_pixels
from mezzotint.nets.wrapping import wrapped
from mezzotint.values.controls import ControlUse, ImagePromptUse
from mezzotint.values.errors import BadModelFile


def followed(
    opened: Opened, walked: Sequence[Walk], drawn_on: Scene, left: Left | None, plan: Plan
) -> tuple[Follower, ...]:
    """What the pass follows over the steps of `plan`; what has no weight is not opened.

    Raises BadValue for what does not fit together, BadPicture, and what opening a network raises.
    """
    use = walked[0].use
    followers = [
        _control(opened, walked, drawn_on, left, plan, one) for one in use.controls if one.weight != 0
    ]
    for number, one in enumerate(use.image_prompts):
        if one.weight != 0:
            followers.append(_image_prompt(opened, walked, drawn_on, plan, one, f"image_prompt.{number}"))
    return tuple(followers)


def _span(walk: Walk, plan: Plan, start: float, stop: float) -> tuple[float, float]:
    """The numbers of the steps at which the shares `start` and `stop` of those that are walked lie; of a way in several
    parts they are shares of the whole."""
    whole = walk.source is None or walk.source.start == "kept"
    first, steps = (0, walk.use.steps) if whole or not len(plan) else (plan.levels[0].step, len(plan))
    return first + start * steps - ROUNDING, first + stop * steps + ROUNDING


def _control(
    opened: Opened,
    walked: Sequence[Walk],
    drawn_on: Scene,
    left: Left | None,
    plan: Plan,
    use: ControlUse,
) -> Follower:
    walk, family = walked[0], opened.model.family
    net = opened.controls.control(use)
    factor = net.control.factor if isinstance(net, ControlNet) else family.latent.factor
    drawn = walk.width, walk.height
    size = drawn[0] // family.latent.factor * factor, drawn[1] // family.latent.factor * factor
    images = hints(drawn_on, left, use, drawn, len(walked), size)
    first, end = _span(walk, plan, use.start, use.stop)
    if isinstance(net, MMDiTControl):
        seen = partial(latents, opened, net=net.control, kind=use.shown, tiling=walk.use.tiling)
        hint = stacked(images, seen).to(next(net.parameters()))
        return Follower(first, end, partial(joint_control, net, hint, use))
    pixels = net.control.pixels if isinstance(net, ControlNet) else net.geometry.pixels
    hint = stacked(images, partial(levels, pixels=pixels)).to(next(net.parameters()))
    net = wrapped(net, left_to_wrap(walk, family))
    if isinstance(net, ControlNet):
        return Follower(first, end, partial(controlnet, net, hint, use))
    assert isinstance(opened.model.denoiser, UNet)
    return Follower(first, end, partial(adapter, net, opened.model.denoiser.geometry, hint, factor, use))


def _image_prompt(
    opened: Opened, walked: Sequence[Walk], drawn_on: Scene, plan: Plan, use: ImagePromptUse, name: str
) -> Follower:
    walk, factor = walked[0], opened.model.family.latent.factor
    net = opened.controls.prompt(use)
    tower = opened.controls.encoder(use)
    pictures = [opened_picture(one).over(WHITE) for one in use.pictures]
    said = _tokens(net, tower, pictures, use)
    drawn = walk.width, walk.height
    mask = None if use.mask is None else where(use.mask, drawn_on, drawn, len(walked)).to(said[0])
    over = image_prompt(net, said, use.weight, mask, factor, name)
    return Follower(*_span(walk, plan, use.start, use.stop), over)


def _tokens(
    net: ImagePrompt, tower: ClipVision, pictures: Sequence[Image.Image], use: ImagePromptUse
) -> tuple[Tensor, Tensor]:
    """What an IP-Adapter says of its pictures, side by side, and of no picture: 1 N D each.

    A plain one reads the tower's vector, and knows no picture as zeros; the others read the states before its last
    layer, and know no picture as one of zeros (tencent-ailab/IP-Adapter, ip_adapter.py).
    """
    weight = next(tower.parameters())
    pixels = clip_pixels(pictures, tower.geometry.side).to(weight)
    if isinstance(net.projection, VectorProjection):
        vectors = tower(pixels).pooled
        seen = torch.cat([vectors, torch.zeros_like(vectors[:1])])
    else:
        seen = tower(torch.cat([pixels, torch.zeros_like(pixels[:1])]), skip=1).tokens
    wanted = _width(net)
    if seen.shape[-1] != wanted:
        told = f"reads values of width {wanted}, its vision tower gives {seen.shape[-1]}"
        raise BadModelFile(use.file, told, "say encoder=FILE, the tower that it was trained with")
    made = net.projection(seen)
    tokens, nothing = made[:-1].flatten(0, 1)[None], made[-1:]
    return tokens, nothing.repeat(1, len(pictures), 1)


def _width(net: ImagePrompt) -> int:
    """How wide the values are that its projection reads."""
    match net.projection:
        case VectorProjection():
            return net.projection.proj.in_features
        case MlpProjection():
            return net.projection.fc1.in_features
        case Resampler():
            return net.projection.proj_in.in_features
        case _:
            raise TypeError(f"{type(net.projection).__name__} is no projection of an IP-Adapter")
