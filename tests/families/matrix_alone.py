"""Small networks that stand alone, one of each kind of the matrix: written, opened, and what they answer."""

from pathlib import Path

import torch
from torch import Tensor

from adapters.test_image_prompt import UNET as PROMPTED
from adapters.test_image_prompt import file_of
from families.reduced import JOINT
from families.test_controls import TOYS, spelled
from families.test_controls import weights as random_weights
from families.test_pictures import SIGHT, TOWER
from mezzotint.adapters.image_prompt import open_image_prompt
from mezzotint.adapters.joint_prompt import open_joint_prompt, written_joint
from mezzotint.families.controls import open_controlnet
from mezzotint.families.layouts import ip_adapter, siglip_hf, tiny_numbered, vision_hf, vision_open
from mezzotint.families.pictures import open_siglip, open_tiny, open_vision
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.controlnet import ControlNet, ControlNetGeometry
from mezzotint.nets.joint_prompt import JointPrompt
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.nets.resampler import ResamplerGeometry
from mezzotint.nets.siglip import Siglip
from mezzotint.nets.tiny import TinyAutoencoder, TinyGeometry
from mezzotint.nets.vision import ClipVision
from mezzotint.weights.files import InMemory
from mezzotint.weights.layout import Layout


@torch.no_grad()
def control(kind: str) -> Tensor:
    """The middle of what a small ControlNet adds."""
    name = "sdxl" if kind.endswith("sdxl") else "sd2" if "sd21" in kind else "sd1"
    net = ControlNet(ControlNetGeometry(TOYS[name], (4, 8, 12)))
    layout = spelled(net)["folder" if kind.startswith("diffusers") else "prefixed"]
    opened = open_controlnet(InMemory(Path(kind), layout.export(InMemory(Path(kind), random_weights(net)))))
    g, one = TOYS[name], torch.tensor(1.0)
    pooled, numbers = (
        (torch.ones(1, g.added.pooled), torch.ones(1, g.added.numbers)) if g.added else (None, None)
    )
    cond = Conditioning(torch.ones(1, 3, g.context), pooled, numbers)
    hint = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    return opened(torch.ones(1, 4, 8, 8), torch.tensor([9]), cond, hint, one).residuals["mid"]


@torch.no_grad()
def tower(kind: str) -> Tensor:
    """The vector of a small vision tower."""
    layout = vision_open.LAYOUT if kind.startswith("original") else vision_hf.LAYOUT
    file = layout.export(InMemory(Path(kind), random_weights(ClipVision(TOWER))))
    return open_vision(InMemory(Path(kind), file))(torch.rand(1, 3, TOWER.side, TOWER.side)).pooled


@torch.no_grad()
def tiny(kind: str) -> Tensor:
    """A picture through a small tiny autoencoder."""
    latent = 16 if "taesd3" in kind else 4
    weights = random_weights(TinyAutoencoder(TinyGeometry(latent, 4)))

    def file(layout: Layout, half: str) -> InMemory:
        own = {name: t for name, t in weights.items() if name.startswith(half)}
        return InMemory(Path(kind), layout.export(InMemory(Path(kind), own)))

    if kind.startswith("diffusers"):
        opened = open_tiny(file(tiny_numbered.DIFFUSERS, ""))
    else:
        opened = open_tiny(file(tiny_numbered.ENCODER, "encoder."), file(tiny_numbered.DECODER, "decoder."))
    return opened.decode(opened.encode(torch.rand(1, 3, 32, 32)))


@torch.no_grad()
def sight(kind: str) -> Tensor:
    """The states of a small tower of SigLIP."""
    file = siglip_hf.LAYOUT.export(InMemory(Path(kind), random_weights(Siglip(SIGHT))))
    return open_siglip(InMemory(Path(kind), file))(torch.rand(1, 3, SIGHT.side, SIGHT.side), 1)


@torch.no_grad()
def shown_jointly(kind: str) -> Tensor:
    """The keys of a small IP-Adapter of SD 3."""
    net = JOINT["sd3.5-large"].denoiser
    assert isinstance(net, MMDiTGeometry)
    prompt = JointPrompt(ResamplerGeometry(10, net.width, 64, 1, tokens=5), 16, net)
    prompt.load_state_dict(random_weights(prompt))
    spelling = ip_adapter.TIMED_DIFFUSERS if kind.endswith("diffusers") else ip_adapter.TIMED
    opened = open_joint_prompt(InMemory(Path(kind), written_joint(prompt, spelling)), net)
    return opened(torch.rand(1, 1, 9, 10), torch.tensor([500.0]), torch.tensor(1.0)).keys["blocks.1.attn"]


@torch.no_grad()
def shown(kind: str) -> Tensor:
    """The keys of a small IP-Adapter of SD 1."""
    prompt = open_image_prompt(InMemory(Path(kind), file_of("plain")), PROMPTED)
    return next(iter(prompt(torch.rand(1, 10), torch.tensor(1.0)).keys.values()))
