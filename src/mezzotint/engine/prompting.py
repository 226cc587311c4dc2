"""From the pictures of an image prompt to what they say in the attentions of a network.

Takes an opened IP-Adapter, its vision tower and Pillow pictures. Gives the Stream of a time. Knows no prompt but the
pictures, no place and no step.

Shapes: P pictures, N tokens of a picture, D their width, T W states of a tower and their width.
"""

from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch import Tensor

from mezzotint.adapters.image_prompt import FACES
from mezzotint.nets.conditioning import Stream
from mezzotint.nets.image_prompt import ImagePrompt, MlpProjection, VectorProjection
from mezzotint.nets.joint_prompt import JointPrompt
from mezzotint.nets.resampler import Resampler
from mezzotint.nets.siglip import Siglip
from mezzotint.nets.vision import ClipVision
from mezzotint.nets.vision_input import clip_pixels, siglip_pixels
from mezzotint.values.controls import ImagePromptUse
from mezzotint.values.errors import BadModelFile


def said_of(
    net: ImagePrompt | JointPrompt,
    tower: ClipVision | Siglip,
    pictures: Sequence[Image.Image],
    use: ImagePromptUse,
) -> Callable[[Tensor], Stream]:
    """What is said at a time () of the pictures, side by side in the first row of a Stream, and of none in the second.

    Raises BadModelFile for a tower that the IP-Adapter was not made for.
    """
    weight = next(net.parameters())
    scale = torch.tensor(use.weight, device=weight.device, dtype=weight.dtype)
    if isinstance(net, ImagePrompt):
        # Keys and values serve every step.
        both = net.stream(_tokens(net, tower, pictures, use), scale)
        return lambda t: both
    states = _states(tower, _pixels(tower, pictures))
    _check(use, net.projection.proj_in.in_features, states)
    # This one knows no picture as states that are zeros (diffusers, pipeline_stable_diffusion_3.py).
    seen = torch.stack([states, torch.zeros_like(states)])
    return lambda t: net(seen, t.expand(2), scale)


def _tokens(
    net: ImagePrompt, tower: ClipVision | Siglip, pictures: Sequence[Image.Image], use: ImagePromptUse
) -> Tensor:
    """What an IP-Adapter for a UNet says of its pictures, side by side, and of no picture: 2 (P N) D.

    A plain one reads the tower's vector, and knows no picture as zeros; the others read the states before its last
    layer, and know no picture as one of zeros (tencent-ailab/IP-Adapter, ip_adapter.py).
    """
    if isinstance(net.projection, MlpProjection) and net.projection.spread:
        told = "reads the vectors of a face recogniser (insightface), which is no part of this program"
        raise BadModelFile(use.file, told, FACES)
    pixels = _pixels(tower, pictures)
    if isinstance(net.projection, VectorProjection):
        if isinstance(tower, Siglip):
            raise BadModelFile(
                use.file, "reads the vector of a CLIP vision tower, this one is SigLIP's", ENCODER
            )
        vectors = tower(pixels).pooled
        seen = torch.cat([vectors, torch.zeros_like(vectors[:1])])
    else:
        seen = _states(tower, torch.cat([pixels, torch.zeros_like(pixels[:1])]))
    _check(use, _width(net), seen)
    made = net.projection(seen)
    return torch.cat([made[:-1].flatten(0, 1)[None], made[-1:].repeat(1, len(pictures), 1)])


ENCODER = "say encoder=FILE, the tower that it was trained with"


def _check(use: ImagePromptUse, wanted: int, seen: Tensor) -> None:
    if seen.shape[-1] != wanted:
        told = f"reads values of width {wanted}, its vision tower gives {seen.shape[-1]}"
        raise BadModelFile(use.file, told, ENCODER)


def _pixels(tower: ClipVision | Siglip, pictures: Sequence[Image.Image]) -> Tensor:
    """The pictures as the tower wants to see them, P 3 S S."""
    shown = siglip_pixels if isinstance(tower, Siglip) else clip_pixels
    return shown(pictures, tower.geometry.side).to(next(tower.parameters()))


def _states(tower: ClipVision | Siglip, pixels: Tensor) -> Tensor:
    """The states before the tower's last layer, P T W."""
    return tower(pixels, skip=1) if isinstance(tower, Siglip) else tower(pixels, skip=1).tokens


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
