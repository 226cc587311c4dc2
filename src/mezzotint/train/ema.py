"""A running average of weights, which draws better pictures than the last weights do.

Takes the modules of a run; gives averaged copies of them. Knows no optimiser and no files.
"""

import copy

import torch
from torch import nn

WARM_UP = 10


class Average:
    """Averaged copies of modules: after update n, average = d * average + (1 - d) * weight.

    d = min(decay, (1 + n) / (10 + n)), so that the first weights, which are noise, are forgotten soon (as in
    tf.train.ExponentialMovingAverage with num_updates). Buffers are copied as they are.
    """

    def __init__(self, modules: dict[str, nn.Module], decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.modules = {
            name: copy.deepcopy(module).eval().requires_grad_(False) for name, module in modules.items()
        }

    def rate(self) -> float:
        """The d of the next update."""
        return min(self.decay, (1 + self.updates) / (WARM_UP + self.updates))

    @torch.no_grad()
    def update(self, modules: dict[str, nn.Module]) -> None:
        """Take the present weights of `modules` (same names as at the start) into the average."""
        part = 1 - self.rate()
        self.updates += 1
        for name, averaged in self.modules.items():
            for ours, theirs in zip(averaged.parameters(), modules[name].parameters(), strict=True):
                ours.lerp_(theirs, part)
            for a, b in zip(averaged.buffers(), modules[name].buffers(), strict=True):
                a.copy_(b)

    @torch.no_grad()
    def restart(self, modules: dict[str, nn.Module]) -> None:
        """Forget everything and begin again from the present weights."""
        self.updates = 0
        for name, averaged in self.modules.items():
            averaged.load_state_dict(modules[name].state_dict())
