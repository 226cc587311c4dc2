"""Networks with random weights that steer the toy family, as the files people have; pictures, and what is drawn."""

import hashlib
import json
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor, nn

from engine.recipes import draw, recipe
from mezzotint.adapters.image_prompt import FACE, FULL_FACE, PLAIN, PLUS, Form, written
from mezzotint.adapters.joint_prompt import written_joint
from mezzotint.families.layouts import (
    control_union,
    controlnet,
    ip_adapter,
    mmdit_control,
    mmdit_diffusers,
    siglip_hf,
    t2i_adapter,
    vision_hf,
)
from mezzotint.families.toy import TOY, random_weight
from mezzotint.nets.control_union import ControlUnion, UnionGeometry
from mezzotint.nets.controlnet import ControlNet, ControlNetGeometry
from mezzotint.nets.image_prompt import ImagePrompt, MlpProjection, VectorProjection, text_sites
from mezzotint.nets.joint_prompt import JointPrompt
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.nets.mmdit_control import LENT, MMDiTControl, MMDiTControlGeometry
from mezzotint.nets.resampler import Resampler, ResamplerGeometry
from mezzotint.nets.siglip import Siglip, SiglipGeometry
from mezzotint.nets.t2i_adapter import AdapterGeometry, T2IAdapter
from mezzotint.nets.unet import UNetGeometry
from mezzotint.nets.vision import ClipVision, VisionGeometry
from mezzotint.weights.files import InMemory, save_tensors

HINT = (4, 8, 12, 16)
Module = TypeVar("Module", bound=nn.Module)
SIGHT = SiglipGeometry(30, 7, 48, 3, 4, 64)
TOWER = VisionGeometry(28, 7, 64, 2, 16, 64, "gelu", 20)


def pictures(folder: Path) -> None:
    """`photo.png`, `other.png`, which is unlike it everywhere, and `mask.png`, whose right half is white."""
    photo = Image.new("RGB", (48, 48), (250, 240, 200))
    ImageDraw.Draw(photo).ellipse((8, 8, 40, 36), fill=(200, 30, 40))
    photo.save(folder / "photo.png")
    photo.rotate(90).point(lambda level: 255 - level).save(folder / "other.png")
    half = Image.new("L", (48, 48), 0)
    half.paste(255, (24, 0, 48, 48))
    half.save(folder / "mask.png")


def levels(engine, **wishes) -> np.ndarray:
    """The levels of a picture of 4 steps, H W 3, as int."""
    return np.asarray(draw(engine, recipe(**{"steps": 4, **wishes})).image, dtype=int)


def drawn(engine, **wishes) -> str:
    """The hash of the picture, which is shorter than its bytes where a test fails."""
    return hashlib.sha256(levels(engine, **wishes).tobytes()).hexdigest()


def weights(net: nn.Module, salt: str = "") -> dict[str, Tensor]:
    """Random weights, none of them zero."""
    return {name: random_weight(salt + name, tuple(t.shape)) for name, t in net.state_dict().items()}


def filled(net: Module, salt: str = "") -> Module:
    net.load_state_dict(weights(net, salt))
    return net.eval()


def controlnet_file(
    path: Path, unet: UNetGeometry = TOY.denoiser, salt: str = "", hint: tuple[int, ...] = HINT
) -> Path:
    net = filled(ControlNet(ControlNetGeometry(unet, hint)), salt)
    file = controlnet.diffusers(len(net.hint)).export(InMemory(path, net.state_dict()))
    save_tensors(file, path)
    return path


def union_file(path: Path, geometry: UnionGeometry) -> Path:
    """A ControlNet for several kinds of hints."""
    net = filled(ControlUnion(geometry))
    hints = [f"controlnet_cond_embedding.{i}.weight" for i in range(len(net.net.hint))]
    save_tensors(control_union.layout(hints).export(InMemory(path, net.state_dict())), path)
    return path


def joint_control_file(
    path: Path, geometry: MMDiTControlGeometry, original: bool = False, salt: str = "", **more: Tensor
) -> Path:
    """A ControlNet of SD 3; one that reads no text lacks what its transformer lends it."""
    table = mmdit_control.ORIGINAL if original else mmdit_diffusers.CONTROL
    made = weights(MMDiTControl(geometry), salt)
    own = {n: t for n, t in made.items() if geometry.reads or n not in LENT}
    save_tensors(table.export(InMemory(path, own)) | more, path)
    return path


def adapter_file(path: Path, unet: UNetGeometry = TOY.denoiser, unshuffle: int = 8) -> Path:
    halved = (False, *(True for _ in unet.channels[1:]))
    net = filled(T2IAdapter(AdapterGeometry(unet.channels, halved, unshuffle=unshuffle)))
    save_tensors(t2i_adapter.DIFFUSERS.export(InMemory(path, net.state_dict())), path)
    return path


def tower_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    net = filled(ClipVision(TOWER))
    save_tensors(vision_hf.LAYOUT.export(InMemory(path, net.state_dict())), path / "model.safetensors")
    return path


def image_prompt_file(path: Path, unet: UNetGeometry = TOY.denoiser, plus: bool = False) -> Path:
    """An IP-Adapter at `path`, with its tower in the folder `image_encoder` beside it."""
    width = unet.context
    projection = (
        Resampler(ResamplerGeometry(TOWER.width, width, 64, 1, tokens=5))
        if plus
        else VectorProjection(20, width)
    )
    return _prompt_file(path, unet, projection, PLUS if plus else PLAIN)


def siglip_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    net = filled(Siglip(SIGHT))
    save_tensors(siglip_hf.LAYOUT.export(InMemory(path, net.state_dict())), path / "model.safetensors")
    settings = {"num_attention_heads": SIGHT.heads, "image_size": SIGHT.side}
    (path / "config.json").write_text(json.dumps(settings))
    return path


def joint_prompt_file(path: Path, net: MMDiTGeometry, diffusers: bool = False, salt: str = "") -> Path:
    """An IP-Adapter of SD 3 at `path`, with its tower in the folder `image_encoder` beside it."""
    sizes = ResamplerGeometry(SIGHT.width, net.width, 64, 1, tokens=5)
    prompt = filled(JointPrompt(sizes, 16, net), salt)
    table = ip_adapter.TIMED_DIFFUSERS if diffusers else ip_adapter.TIMED
    save_tensors(written_joint(prompt, table), path)
    siglip_folder(path.parent / "image_encoder")
    return path


def face_file(path: Path, unet: UNetGeometry = TOY.denoiser, recognised: bool = False) -> Path:
    """The same for faces: full-face, or one that reads the vector of a face recogniser."""
    width, seen = unet.context, TOWER.width
    if recognised:
        return _prompt_file(path, unet, MlpProjection(seen, 2 * seen, width, 4), FACE)
    return _prompt_file(path, unet, MlpProjection(seen, seen, width), FULL_FACE)


def _prompt_file(path: Path, unet: UNetGeometry, projection: nn.Module, form: Form) -> Path:
    net = filled(ImagePrompt(projection, unet.context, text_sites(unet)))
    save_tensors(written(net, form), path)
    tower_folder(path.parent / "image_encoder")
    return path
