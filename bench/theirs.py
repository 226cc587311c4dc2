"""The other side of `first_picture.py`: diffusers draws from the exported folder, timed in the same places."""

import json
import sys
import warnings
from statistics import median
from time import perf_counter
from typing import Any

import torch
from clock import processor, since_start
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from PIL.Image import Image


def main() -> None:
    """Draws with the settings of the first argument (JSON)."""
    warnings.simplefilter("ignore")
    given = json.loads(sys.argv[1])
    torch.set_num_threads(given["threads"])
    pipe = StableDiffusionPipeline.from_pretrained(
        given["model"], safety_checker=None, requires_safety_checker=False, local_files_only=True
    )
    pipe.scheduler = EulerDiscreteScheduler.from_config(
        pipe.scheduler.config, timestep_spacing="leading", steps_offset=1
    )
    pipe.set_progress_bar_config(disable=True)

    def draw(seed: int) -> Image:
        made: Any = pipe(
            given["prompt"],
            num_inference_steps=given["steps"],
            guidance_scale=given["guidance"],
            width=given["width"],
            height=given["height"],
            generator=torch.Generator().manual_seed(seed),
        )
        return made.images[0]

    draw(given["seed"]).save(given["out"])
    told = {"cold": since_start(), "cold_cpu": processor()}
    walls, used = [], []
    for i in range(given["repeats"]):
        start, before = perf_counter(), processor()
        draw(i + 1)
        walls.append(perf_counter() - start)
        used.append(processor() - before)
    print(json.dumps({**told, "warm": median(walls), "warm_cpu": median(used)}))


main()
