"""What teaching with captions has in common: text states, dropped captions, pictures of the progress.

Takes a frozen text encoder and prompts; gives states, and latents drawn with guidance. Knows no particular network.

Shapes: B batch, T tokens, D width of the text states, C latent channels, h w latent rows and columns.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from mezzotint.diffusion.denoise import NEGATIVE, POSITIVE, always, predictor
from mezzotint.diffusion.guidance.cfg import cfg
from mezzotint.diffusion.guidance.guide import constant, guided
from mezzotint.diffusion.noise import SeededNoise
from mezzotint.diffusion.path import Path
from mezzotint.diffusion.plan import make_plan
from mezzotint.diffusion.prediction import Prediction
from mezzotint.diffusion.samplers.dpmpp_2m import dpmpp_2m
from mezzotint.diffusion.samplers.step import Tuning
from mezzotint.nets.clip import ClipText
from mezzotint.text.clip import ClipTokenizer
from mezzotint.train.typed import distinct

Call = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`(x 2B C h w, t 2B, states 2B T D) -> answer 2B C h w`: the network with all else that steers it."""


@dataclass(frozen=True)
class Captions:
    """A frozen text encoder, which must be on `device`; its last `skip` layers are left out."""

    text: ClipText
    tokenizer: ClipTokenizer
    device: str = "cpu"
    skip: int = 0
    normed: bool = True

    def ids(self, texts: tuple[str, ...]) -> Tensor:
        """Texts as ids `B T`."""
        return torch.tensor([self.tokenizer.padded(text)[0] for text in texts], device=self.device)

    def states(self, ids: Tensor) -> Tensor:
        """Token ids `B T` -> text states `B T D`; equal texts are encoded once."""
        different, rows = distinct(ids)
        with torch.no_grad():
            made = self.text(different, self.tokenizer.eos, self.skip, self.normed)
        return made.tokens[rows]

    def dropped(self, ids: Tensor, part: float, generator: Generator) -> Tensor:
        """The ids `B T` with about `part` of the texts replaced by the empty one."""
        gone = torch.rand(len(ids), generator=generator, device=generator.device) < part
        return torch.where(gone.to(ids.device)[:, None], self.ids(("",)), ids)


@dataclass(frozen=True)
class Drawing:
    """How pictures are drawn to be looked at: image k from seed k, by DPM++ 2M on Karras' spacing."""

    path: Path
    prediction: Prediction
    steps: int
    guidance: float

    @torch.no_grad()
    def latents(
        self, captions: Captions, prompts: tuple[str, ...], shape: tuple[int, int, int], call: Call
    ) -> Tensor:
        """Latents `B C h w`, still scaled, for `prompts`; `shape` is C h w."""
        count = len(prompts)
        both = captions.states(captions.ids((*prompts, *[""] * count)))
        noise = SeededNoise(range(count), shape)

        def network(x: Tensor, t: Tensor) -> Tensor:
            made = call(torch.cat([x, x]), torch.cat([t, t]), both)
            return torch.stack([made[:count], made[count:]])

        plan = make_plan(self.path, "karras", self.steps)
        x = self.path.begin(noise.initial().to(captions.device), plan.levels[0])
        ask = always(predictor(network, self.prediction), (POSITIVE, NEGATIVE))
        denoise = guided(ask, [cfg(constant(self.guidance))])
        for step in dpmpp_2m(denoise, x, plan, noise, Tuning()):
            x = step.x
        return x
