"""The two function types between a network and a sampler, and the step from one to the other.

A `Predictor` answers for K conditionings at once, a `Denoiser` with the one clean latent that a sampler
steers to; guidance makes the second from the first. Nothing here changes its arguments. Does not know
networks or samplers.
"""

from collections.abc import Callable

from torch import Tensor

from mezzotint.diffusion.path import Level
from mezzotint.diffusion.prediction import Prediction

NetworkCall = Callable[[Tensor, Tensor], Tensor]
"""`(input B C H W of unit variance, t B) -> outputs K B C H W`, one for each conditioning it holds."""

Predictor = Callable[[Tensor, Level], Tensor]
"""`(x B C H W, level) -> clean K B C H W`, in the dtype of x."""

Denoiser = Callable[[Tensor, Level], Tensor]
"""`(x B C H W, level) -> clean B C H W`, in the dtype of x."""


def predictor(call: NetworkCall, prediction: Prediction) -> Predictor:
    """Makes a Predictor of a network call: scales the input, hands `t` on as `B` in the dtype of x, and reads
    the outputs in that dtype too, whatever precision the network runs in.
    """

    def predict(x: Tensor, level: Level) -> Tensor:
        t = level.t.to(x).reshape(-1).expand(x.shape[0])
        return prediction.clean(call(prediction.scale_in(x, level), t).to(x), x, level)

    return predict
