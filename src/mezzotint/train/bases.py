"""Opens the finished model that a partner (a ControlNet, an inpainting variant) is trained beside.

Takes a built-in name, a file or a folder; gives its frozen parts with what training has to know of it. Knows no
pictures.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mezzotint.diffusion.path import Path
from mezzotint.diffusion.prediction import Prediction
from mezzotint.families.conditions import plain
from mezzotint.families.family import Latent, Model
from mezzotint.families.registry import open_model
from mezzotint.nets.autoencoder import Autoencoder
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.train.prompted import Captions, Drawing
from mezzotint.values.errors import BadValue
from mezzotint.values.recipe import ModelUse


@dataclass(frozen=True)
class Base:
    """A frozen model: its networks on `device`, its latents' numbers, and how it was taught."""

    name: str
    unet: UNet
    autoencoder: Autoencoder
    captions: Captions
    latent: Latent
    path: Path
    prediction: Prediction
    device: str = "cpu"

    @property
    def scale(self) -> float:
        """What latents are multiplied by."""
        return self.latent.scale

    def scaled(self, latent: Tensor) -> Tensor:
        """An encoder's latent as the denoiser knows it."""
        return (latent - self.latent.shift) * self.latent.scale

    def drawing(self, steps: int, guidance: float) -> Drawing:
        """How its pictures are drawn to be looked at."""
        return Drawing(self.path, self.prediction, steps, guidance)

    @torch.no_grad()
    def decoded(self, latent: Tensor) -> Tensor:
        """Scaled latents `B C h w` -> pictures `B 3 H W` in -1..1, on `device`."""
        return self.autoencoder.decode(latent / self.latent.scale + self.latent.shift)


def base_of(model: Model, name: str, device: str = "cpu") -> Base:
    """What a partner needs of an opened model. Raises BadValue for a kind that none can be trained for here."""
    family = model.family
    if not isinstance(family.denoiser, UNetGeometry) or family.condition is not plain or family.needs:
        raise BadValue(
            "base", f"{family.title} has no partners that are trained here", "use mini, or its like"
        )
    for network in model.networks.values():
        network.eval().requires_grad_(False).to(device)
    part = model.text.part
    captions = Captions(model.text.network, model.text.tokenizer, device, part.skip, part.normed)
    return Base(
        name,
        model.unet,
        model.autoencoder,
        captions,
        family.latent,
        family.path,
        model.prediction,
        device,
    )


def open_base(name: str, device: str = "cpu") -> Base:
    """The model `name`: built in, a file, or a folder of `mezzotint train release`. Raises what opening raises."""
    return base_of(open_model(ModelUse(base=name)), name, device)
