"""What the models that look at a whole picture make of it: its depth, its embedding, itself.

One `Look` a kind of model; that for inpainting is in `look`. Knows no prompt and no sampler.

Shapes: H W pixels, h w latent pixels, L latent channels, P width of an image embedding.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import TypeVar

import torch
from PIL import Image
from torch import Tensor, nn

from mezzotint.diffusion.denoise import BLANK, EMPTY, NEGATIVE
from mezzotint.families.layouts.single_file import AUGMENTOR, DEPTH, IMAGE
from mezzotint.families.look import Extra, Eyes, Levels, Seen, Shown
from mezzotint.families.schedules import Betas
from mezzotint.nets.augmentor import LEVELS, NoiseAugmentor
from mezzotint.nets.depth import DepthNet, depth_pixels, depth_plane
from mezzotint.nets.vision import ClipVision
from mezzotint.nets.vision_input import clip_pixels
from mezzotint.values.errors import BadValue

Network = TypeVar("Network", bound=nn.Module)

LOW_RES = Betas(0.0001, 0.02)
"""The noise on the small picture of the x4 upscaler (its folder's low_res_scheduler)."""
UPSCALED = Levels(20, 350)
"""diffusers' usual level for the x4 upscaler, and the most it was trained with (x4-upscaling.yaml, max_noise_level)."""
VARIED = Levels(0, LEVELS - 1)
"""The same of unCLIP, whose image embedding is noised."""


def depth(eyes: Eyes, shown: Shown) -> Seen:
    """How near each place is, at the size of the latent, in -1..1: one channel that joins the latent. It is estimated
    where it is not shown.

    ldm/data/midas and LatentDepth2ImageDiffusion. Raises BadValue for a model without its depth network.
    """
    near = shown.near
    if near is None:
        network = _network(eyes, DEPTH, DepthNet)
        near = network(depth_pixels(shown.pixels, network.geometry.side))
    size = [side // eyes.factor for side in shown.pixels.shape[-2:]]
    return Seen(Extra(planes=depth_plane(near, size)))


def variation(eyes: Eyes, shown: Shown) -> Seen:
    """The embedding of the picture, noised, beside the sinusoids of that level: 2 P values, all zeros beside a text
    that is to be avoided. Of several pictures it is the mean of their embeddings by weight, noised once.

    Stability-AI/stablediffusion, scripts/streamlit/stableunclip.py. Raises BadValue for a model without its image
    encoder.
    """
    vision = _network(eyes, IMAGE, ClipVision)
    vectors = mixture(_embedded(vision, shown.pixels), [(_embedded(vision, p), w) for p, w in shown.mixed])
    level = torch.tensor([shown.level], device=vectors.device)
    pooled = _augmentor(eyes, vectors)(vectors, level, shown.noise(tuple(vectors.shape)))
    without = Extra(pooled=torch.zeros_like(pooled))
    return Seen(Extra(pooled=pooled), MappingProxyType({NEGATIVE.text: without, EMPTY.text: without}))


def mixture(first: Tensor, others: Sequence[tuple[Tensor, float]]) -> Tensor:
    """The mean of the vectors B P, of which the `first` has the weight 1; of equal ones it is that one to the bit."""
    whole = 1 + sum(weight for _, weight in others)
    return sum(((other - first) * (weight / whole) for other, weight in others), first)


def upscaling(eyes: Eyes, shown: Shown) -> Seen:
    """The small picture itself with some noise, and the level of that noise: three channels join the latent.

    ldm/models/diffusion/ddpm.py, LatentUpscaleDiffusion, with the schedule of the published folder.
    """
    sigma = LOW_RES.path().sigmas[shown.level]
    noise = shown.noise(tuple(shown.pixels.shape))
    kept, added = (float(part) for part in (1 / (1 + sigma**2).sqrt(), sigma / (1 + sigma**2).sqrt()))
    level = torch.tensor([[float(shown.level)]], device=shown.pixels.device)
    return Seen(Extra(planes=kept * shown.pixels + added * noise, numbers=level))


def instructed(eyes: Eyes, shown: Shown) -> Seen:
    """The latent of the picture, unscaled, joins the latent; where no picture is asked about, zeros.

    Brooks et al. 2023 (timothybrooks/instruct-pix2pix, edit_cli.py).
    """
    latent = eyes.encode(shown.pixels) / eyes.scale
    return Seen(Extra(planes=latent), MappingProxyType({BLANK.text: Extra(planes=torch.zeros_like(latent))}))


def _network(eyes: Eyes, name: str, kind: type[Network]) -> Network:
    found = eyes.networks.get(name)
    if isinstance(found, kind):
        return found
    told = f"this file lacks the {name} network that looks at the picture for it"
    raise BadValue("model", told, "use a file or a folder of diffusers that holds it")


def _augmentor(eyes: Eyes, vectors: Tensor) -> NoiseAugmentor:
    """The noise augmentor; of a model without statistics that of mean 0 and deviation 1."""
    found = eyes.networks.get(AUGMENTOR)
    return found if isinstance(found, NoiseAugmentor) else NoiseAugmentor(vectors.shape[1]).to(vectors)


def _embedded(vision: ClipVision, pixels: Tensor) -> Tensor:
    """Pixels 1 3 H W in -1..1 -> their embedding 1 P."""
    return vision(clip_pixels([_picture(pixels)], vision.geometry.side).to(pixels)).pooled


def _picture(pixels: Tensor) -> Image.Image:
    """Pixels 1 3 H W in -1..1 as the picture that they are of."""
    levels = ((pixels[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().cpu().numpy())
