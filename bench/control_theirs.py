"""The other side of `control.py`: diffusers draws one picture with what steers it, timed step by step."""

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import torch
from control import GUIDANCE, HINT, PROMPT, SEED, Times, reduced, settings, tell
from diffusers.models.adapter import T2IAdapter
from diffusers.pipelines.controlnet.pipeline_controlnet import StableDiffusionControlNetPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.t2i_adapter.pipeline_stable_diffusion_adapter import StableDiffusionAdapterPipeline
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from PIL import Image
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from engine.followers import TOWER
from mezzotint.weights.files import open_tensors
from parity.test_nets_controlnet import reference


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file."""
    source = open_tensors(path)
    return {name: source.tensor(name).clone() for name in source}


def with_nothing(folder: Path, fraction: int) -> tuple[Any, dict[str, Any]]:
    """diffusers' plain pipeline, and what it is called with."""
    return _opened(StableDiffusionPipeline, folder), {}


def with_controlnet(folder: Path, fraction: int) -> tuple[Any, dict[str, Any]]:
    """Its pipeline with a ControlNet."""

    net: Any = reference(reduced(fraction).unet, HINT)
    net.load_state_dict(read(folder / "ControlNet.safetensors"))
    pipe = _opened(StableDiffusionControlNetPipeline, folder, controlnet=net.eval())
    return pipe, {"image": Image.open(folder / "photo.png")}


def with_adapter(folder: Path, fraction: int) -> tuple[Any, dict[str, Any]]:
    """Its pipeline with a T2I-Adapter."""
    net: Any = T2IAdapter(3, list(reduced(fraction).unet.channels), 2, 8, "full_adapter")
    net.load_state_dict(read(folder / "T2I-Adapter.safetensors"))
    pipe = _opened(StableDiffusionAdapterPipeline, folder, adapter=net.eval())
    return pipe, {"image": Image.open(folder / "photo.png")}


def with_image_prompt(folder: Path, fraction: int) -> tuple[Any, dict[str, Any]]:
    """Its plain pipeline with an IP-Adapter."""
    pipe, _ = with_nothing(folder, fraction)
    assert TOWER.projection is not None
    tower: Any = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=TOWER.width,
            intermediate_size=TOWER.hidden,
            num_hidden_layers=TOWER.layers,
            num_attention_heads=TOWER.heads,
            image_size=TOWER.side,
            patch_size=TOWER.patch,
            hidden_act=TOWER.activation,
            projection_dim=TOWER.projection,
        )
    )
    tower.load_state_dict(read(folder / "image_encoder" / "model.safetensors"), strict=False)
    parts: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in read(folder / "IP-Adapter.safetensors").items():
        part, rest = name.split(".", 1)
        parts[part][rest] = tensor
    pipe.unet._load_ip_adapter_weights([parts], low_cpu_mem_usage=False)
    size: dict[str, Any] = {
        "size": {"shortest_edge": TOWER.side},
        "crop_size": {"height": TOWER.side, "width": TOWER.side},
    }
    pipe.register_modules(image_encoder=tower.eval(), feature_extractor=CLIPImageProcessor(**size))
    return pipe, {"ip_adapter_image": Image.open(folder / "photo.png")}


def _opened(kind: Any, folder: Path, **more: Any) -> Any:
    parts = {"safety_checker": None, "requires_safety_checker": False, "local_files_only": True, **more}
    return kind.from_pretrained(folder / "model", **parts)


THEIRS: dict[str, Callable[[Path, int], tuple[Any, dict[str, Any]]]] = {
    "nothing": with_nothing,
    "ControlNet": with_controlnet,
    "T2I-Adapter": with_adapter,
    "IP-Adapter": with_image_prompt,
}


def theirs(folder: Path, kind: str, given: argparse.Namespace) -> Times:
    """The steps of one picture with diffusers."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(given.threads)
    pipe, more = THEIRS[kind](folder, given.fraction)
    pipe.scheduler = EulerDiscreteScheduler.from_config(
        pipe.scheduler.config, timestep_spacing="leading", steps_offset=1
    )
    pipe.set_progress_bar_config(disable=True)
    found: Times = []
    last = [perf_counter(), process_time()]

    def told(*_: Any) -> Any:
        now = [perf_counter(), process_time()]
        found.append((now[0] - last[0], now[1] - last[1]))
        last[:] = now
        return {}

    # One of the pipelines still has the older kind of callback alone.
    hook = {"callback": told} if kind == "T2I-Adapter" else {"callback_on_step_end": told}
    pipe(
        PROMPT,
        num_inference_steps=given.steps,
        guidance_scale=GUIDANCE,
        width=given.size,
        height=given.size,
        generator=torch.Generator().manual_seed(SEED),
        **more,
        **hook,
    )
    return found


def main() -> None:
    """Draws as the command line says."""
    given = settings()
    kind, folder = given.child
    tell(theirs(Path(folder), kind, given))


if __name__ == "__main__":
    main()
