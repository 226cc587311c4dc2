"""From the controls and image prompts of a pass to the networks that it follows, with what they see.

Takes walks, their scene and what the pass before left. Gives `Follower`s. Opens the pictures that recipes name; whoever
calls sees to threads and precision.

Shapes: N pictures, P H W pixels.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mezzotint.diffusion.plan import Plan
from mezzotint.engine.canvas import Canvas, Size, canvas
from mezzotint.engine.following import Follower, adapter, controlnet, image_prompt
from mezzotint.engine.ground import mask_of
from mezzotint.engine.hinting import make_hint
from mezzotint.engine.model import Opened
from mezzotint.engine.pictures import opened_picture
from mezzotint.engine.scene import Left, Scene
from mezzotint.engine.tiling import left_to_wrap
from mezzotint.engine.walk import ROUNDING, Walk
from mezzotint.families.control_nets import Network
from mezzotint.nets.controlnet import ControlNet
from mezzotint.nets.image_prompt import ImagePrompt, MlpProjection, Resampler, VectorProjection
from mezzotint.nets.unet import UNet
from mezzotint.nets.vision import ClipVision
from mezzotint.nets.vision_input import clip_pixels
from mezzotint.nets.wrapping import wrapped
from mezzotint.values.controls import ControlUse, ImagePromptUse
from mezzotint.values.errors import BadModelFile, BadValue
from mezzotint.values.photo import Photo
from mezzotint.values.source import InitPicture, PictureUse, Source

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
"""What is transparent in a picture, and in a mask, lies on this."""


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
    sides = (side // family.latent.factor * factor for side in (walk.width, walk.height))
    hints = _hints(net, walked, drawn_on, left, use, (next(sides), next(sides)))
    hints = hints.to(next(net.parameters()))
    net = wrapped(net, left_to_wrap(walk, family))
    first, end = _span(walk, plan, use.start, use.stop)
    if isinstance(net, ControlNet):
        return Follower(first, end, partial(controlnet, net, hints, use))
    assert isinstance(opened.model.denoiser, UNet)
    return Follower(first, end, partial(adapter, net, opened.model.denoiser.geometry, hints, factor, use))


def _hints(
    net: Network,
    walked: Sequence[Walk],
    drawn_on: Scene,
    left: Left | None,
    use: ControlUse,
    size: Size,
) -> Tensor:
    """What the network sees for each picture, N P H W in 0..1, float32."""
    canvases, drawn = drawn_on.canvases, (walked[0].width, walked[0].height)
    if use.picture is not None:
        photo = opened_picture(use.picture)
        images = [_placed(photo, canvases[0] if canvases else None, drawn)] * len(walked)
    elif canvases:
        images = [one.image for one in canvases]
    elif left is not None:
        images = [_placed(Photo(one.convert("RGB")), None, drawn) for one in left.pictures(together=False)]
    else:
        raise BadValue("control", "there is no picture to follow", "write image=FILE behind the control")
    made: dict[int, Tensor] = {}
    for image in images:
        if id(image) not in made:
            made[id(image)] = _levels(_hint(image, use, size), net)
    return torch.cat([made[id(image)] for image in images])


def _placed(photo: Photo, under: Canvas | None, size: Size) -> Image.Image:
    """A picture at the size of the drawing; where only a part of another one is drawn, the same part of this one."""
    plain = Source(picture=InitPicture(file="photo"))
    if under is None or under.region is None:
        return canvas(Photo(photo.over(WHITE)), None, plain, size).image
    whole = canvas(Photo(photo.over(WHITE)), None, plain, under.under.size).image
    return whole.crop(under.region).resize(size, Image.Resampling.LANCZOS)


def _hint(image: Image.Image, use: ControlUse, size: Size) -> Image.Image:
    made = image if use.hint is None else make_hint(use.hint, image)
    return made if made.size == size else made.resize(size, Image.Resampling.LANCZOS)


def _levels(image: Image.Image, net: Network) -> Tensor:
    """An RGB picture as the network takes it, 1 P H W in 0..1."""
    pixels = net.control.pixels if isinstance(net, ControlNet) else net.geometry.pixels
    if pixels not in (1, 3):
        raise BadValue("control", f"this network looks at {pixels} channels, not at a picture", "use another")
    levels = np.asarray(image.convert("L" if pixels == 1 else "RGB"), dtype=np.float32)
    planes = torch.tensor(levels).reshape(image.height, image.width, pixels)
    return planes.permute(2, 0, 1).unsqueeze(0) / 255


def _image_prompt(
    opened: Opened, walked: Sequence[Walk], drawn_on: Scene, plan: Plan, use: ImagePromptUse, name: str
) -> Follower:
    walk, factor = walked[0], opened.model.family.latent.factor
    net = opened.controls.prompt(use)
    tower = opened.controls.encoder(use)
    pictures = [opened_picture(one).over(WHITE) for one in use.pictures]
    said = _tokens(net, tower, pictures, use)
    mask = None if use.mask is None else _where(use.mask, walked, drawn_on).to(said[0])
    over = image_prompt(net, said, use.weight, mask, factor, name)
    return Follower(*_span(walk, plan, use.start, use.stop), over)


def _where(use: PictureUse, walked: Sequence[Walk], drawn_on: Scene) -> Tensor:
    """The mask N 1 H W of an image prompt, in 0..1."""
    photo, canvases = opened_picture(use), drawn_on.canvases
    shown = Photo(photo.over(BLACK))
    image = _placed(shown, canvases[0] if canvases else None, (walked[0].width, walked[0].height))
    return mask_of(image.convert("L")).expand(len(walked), -1, -1, -1)


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
