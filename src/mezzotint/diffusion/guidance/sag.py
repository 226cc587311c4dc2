"""Self-attention guidance (Hong et al. 2023): away from a picture blurred where it matters.

Where the picture's attention to itself gathers, the clean latent is blurred, noised again and asked about once more.
Takes the name of the attention whose map was tapped, and the blur. Acts on outputs, as diffusers'
StableDiffusionSAGPipeline, so it has to be told what the network predicts. Does not know networks.
"""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from mezzotint.diffusion.denoise import Answers, Question
from mezzotint.diffusion.guidance.guide import Guide
from mezzotint.diffusion.prediction import Prediction


def sag(
    scale: float, of: Question, site: str, blur: Callable[[Tensor], Tensor], prediction: Prediction
) -> Guide:
    """Adds `scale` times the difference of outputs to question `of`: the negative prompt's with cfg, else the prompt's.

    The answers need the tap of `site`: B heads T rows columns. `blur` takes and gives clean latents B C H W.
    """

    def move(clean: Tensor, answers: Answers) -> Tensor:
        x, level, seen = answers.x, answers.level, answers.clean[of]
        mask = looked_at(answers.taps[of][site], (x.shape[2], x.shape[3])).to(x)
        # The noise that the answer implies is kept, so only the clean part of x changes.
        degraded = x + level.alpha.to(x) * mask * (blur(seen) - seen)
        worse = answers.ask(degraded, level, (of,)).clean[of]
        difference = prediction.output(seen, x, level) - prediction.output(worse, degraded, level)
        return prediction.clean(prediction.output(clean, x, level) + scale * difference, x, level)

    return Guide(move, (of,), lambda level: scale != 0)


def looked_at(tap: Tensor, size: tuple[int, int]) -> Tensor:
    """Where pixels are looked at more than on average: B heads T rows columns -> B 1 H W, 0 or 1, of this `size`."""
    total = tap.float().mean(dim=1).sum(dim=1, keepdim=True)
    return F.interpolate((total > 1).to(total), size=size, mode="nearest")
