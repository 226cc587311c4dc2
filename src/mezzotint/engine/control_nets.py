"""The networks that steer one opened model, kept beside it.

Takes what recipes name: ControlNets, T2I-Adapters, IP-Adapters and their vision towers. Gives networks on the model's
device and in its precision; one whose file has changed is opened again. Knows no picture.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import nn

from mezzotint.adapters.image_prompt import image_prompt_at
from mezzotint.adapters.joint_prompt import joint_prompt_at
from mezzotint.engine.identity import Identity, identity, sha256_of
from mezzotint.families.control_nets import Network, control_path, existing, open_control
from mezzotint.families.standing import tower_at
from mezzotint.nets.image_prompt import ImagePrompt
from mezzotint.nets.joint_prompt import JointPrompt
from mezzotint.nets.mmdit import MMDiT
from mezzotint.nets.siglip import Siglip
from mezzotint.nets.unet import UNet
from mezzotint.nets.vision import ClipVision
from mezzotint.values.controls import ControlUse, ImagePromptUse
from mezzotint.values.errors import BadModelFile, ModelNotFound

ENCODERS = ("image_encoder", "../image_encoder", "../models/image_encoder")
"""Where the vision tower of an IP-Adapter lies, seen from the folder of its file."""

Key = tuple[str, Identity]
"""What a network is opened as, and which file it is."""
Module = TypeVar("Module", bound=nn.Module)


class ControlNets:
    """The networks that steer `denoiser`. Those that a pass used stay open for the next one; others as long as all
    together take no more memory than the denoiser itself."""

    def __init__(self, denoiser: UNet | MMDiT, dtype: torch.dtype) -> None:
        self._denoiser = denoiser
        self._dtype = dtype
        self._open: OrderedDict[Key, nn.Module] = OrderedDict()
        self._used: set[Key] = set()

    def begin(self) -> None:
        """A pass begins: what the one before did not use is closed while there is no room for it, the least lately
        used first."""
        room = memory(self._denoiser) - sum(map(memory, self._open.values()))
        for key in [key for key in self._open if key not in self._used]:
            if room >= 0:
                break
            room += memory(self._open.pop(key))
        self._used.clear()

    def control(self, use: ControlUse) -> Network:
        """The network of `use`. Raises what opening it raises, and BadModelFile for another hash than asked for."""
        path = control_path(use.file)
        _verify(path, use.sha256)
        return self._kept("control", path, lambda: open_control(path, self._denoiser))

    def prompt(self, use: ImagePromptUse) -> ImagePrompt | JointPrompt:
        """The IP-Adapter of `use`. Raises as `control` does."""
        denoiser = self._denoiser
        path = existing(use.file, "give the path of an IP-Adapter with --image-prompt")
        _verify(path, use.sha256)
        if isinstance(denoiser, MMDiT):
            return self._kept("prompt", path, lambda: joint_prompt_at(path, denoiser.geometry))
        return self._kept("prompt", path, lambda: image_prompt_at(path, denoiser.geometry))

    def encoder(self, use: ImagePromptUse) -> ClipVision | Siglip:
        """The vision tower that the IP-Adapter of `use` looks through. Raises as `control` does."""
        if use.encoder is not None:
            path = existing(use.encoder, "give the path of a vision tower: encoder=FILE")
        else:
            above = Path(use.file).expanduser()
            above = above if above.is_dir() else above.parent
            places = [above / place for place in ENCODERS]
            path = next((place for place in places if place.is_dir()), None)
            if path is None:
                hint = "put the image_encoder folder beside the adapter, or say encoder=FILE"
                raise ModelNotFound("image_encoder", hint)
        return self._kept("encoder", path, lambda: tower_at(path))

    def _kept(self, kind: str, path: Path, make: Callable[[], Module]) -> Module:
        key = (kind, identity(path))
        network = self._open.get(key)
        if network is None:
            device = next(self._denoiser.parameters()).device
            network = make().to(device, self._dtype).requires_grad_(False)
        self._open[key] = network
        self._open.move_to_end(key)
        self._used.add(key)
        return cast(Module, network)


def memory(network: nn.Module) -> int:
    """Bytes of the weights of a network."""
    return sum(weight.nbytes for weight in network.parameters())


def _verify(path: Path, sha256: str | None) -> None:
    if sha256 is not None and sha256 != sha256_of(path):
        hint = "use the file that the recipe names, or leave sha256 out"
        raise BadModelFile(path, "its hash is not the one asked for", hint)
