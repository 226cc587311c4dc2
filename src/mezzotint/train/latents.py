"""The cache of encoded pictures that the denoiser learns from, in chunks that are made once.

Takes a `Source`, a frozen autoencoder and a tokenizer; gives, for each chunk, posterior means and deviations in
half precision and token ids, kept as one safetensors file, and beside them whatever else a trainer makes from the
pictures (`Beside`). Equal (source, chunk) give equal files, so a lost cache can be made again. Knows no denoiser.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Generator, Tensor

from mezzotint.nets.autoencoder import Autoencoder
from mezzotint.text.clip import ClipTokenizer
from mezzotint.train.samples import Source, to_network
from mezzotint.train.typed import from_array, load_tensors, pieces, store_tensors
from mezzotint.values.errors import OutputFailed

ENCODED_AT_ONCE = 32

Row = tuple[NDArray[Any], str, Any]
"""A picture `H W 3` uint8, its caption and the truth about it."""
Beside = Callable[[int, Sequence[Row]], Mapping[str, Tensor]]
"""`(index of the first, N rows) -> tensors N ... by name`: what is kept beside the latents, made from the pictures in
step with them; a function of its arguments alone."""


def nothing_beside(first: int, rows: Sequence[Row]) -> Mapping[str, Tensor]:
    """Latents and captions alone."""
    return {}


@dataclass(frozen=True)
class Chunk:
    """Encoded pictures: `mean` and `std` N C h w (float16, unscaled), token `ids` N T (int32), and `more` tensors
    N ... by name."""

    mean: Tensor
    std: Tensor
    ids: Tensor
    more: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])

    def rows(self, which: Tensor) -> "Chunk":
        """Those at `which` B, to learn from: latents float32, ids int64, the rest as it was kept."""
        more = {name: tensor[which] for name, tensor in self.more.items()}
        return Chunk(self.mean[which].float(), self.std[which].float(), self.ids[which].long(), more)


OWN = frozenset({"mean", "std", "ids"})


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """All pictures of several chunks, in order."""
    return Chunk(
        torch.cat([chunk.mean for chunk in chunks]),
        torch.cat([chunk.std for chunk in chunks]),
        torch.cat([chunk.ids for chunk in chunks]),
        {name: torch.cat([chunk.more[name] for chunk in chunks]) for name in chunks[0].more},
    )


@dataclass
class LatentCache:
    """Chunks of `size` pictures under `folder`; chunk k holds the source's pictures k * size and on."""

    folder: Path
    source: Source
    autoencoder: Autoencoder
    tokenizer: ClipTokenizer
    size: int
    device: str = "cpu"
    beside: Beside = nothing_beside

    def path(self, index: int) -> Path:
        """Where chunk `index` is kept."""
        return self.folder / f"chunk-{index:05d}.safetensors"

    def chunk(self, index: int) -> Chunk:
        """Chunk `index`, from its file or made now. Raises OutputFailed when it cannot be kept."""
        path = self.path(index)
        try:
            found = load_tensors(path)
        except (OSError, SafetensorError):
            found = self._make(index, path)
        more = {name: tensor for name, tensor in found.items() if name not in OWN}
        return Chunk(found["mean"], found["std"], found["ids"], more)

    def _make(self, index: int, path: Path) -> dict[str, Tensor]:
        first = index * self.size
        rows = [self.source(k) for k in range(first, first + self.size)]
        captions = [caption for _, caption, _ in rows]
        pictures = torch.stack([from_array(picture) for picture, _, _ in rows])
        mean, std = self.encode(pictures)
        ids = torch.tensor([self.tokenizer.padded(text)[0] for text in captions], dtype=torch.int32)
        made = {"mean": mean, "std": std, "ids": ids, **self.beside(first, rows)}
        part = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            store_tensors(made, part, {"captions": json.dumps(captions)})
            part.replace(path)
        except (OSError, SafetensorError) as error:
            part.unlink(missing_ok=True)
            raise OutputFailed(path, str(error)) from error
        return made

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures `N 3 H W` uint8 -> posterior mean and deviation `N C h w` float16."""
        network = self.autoencoder.to(self.device)
        means, stds = list[Tensor](), list[Tensor]()
        for part in pieces(pictures, ENCODED_AT_ONCE):
            x = to_network(part, self.device).contiguous(memory_format=torch.channels_last)
            mean, logvar = network.encode(x)
            means.append(mean.half().cpu().contiguous())
            stds.append((0.5 * logvar).exp().half().cpu().contiguous())
        return torch.cat(means), torch.cat(stds)


@dataclass
class Latents:
    """A growing stretch of the cache in memory: `first` chunks at step 0 and one more each `grow_every` steps, up to
    `most`. What a step may draw from is a function of the step alone."""

    cache: LatentCache
    first: int
    most: int
    grow_every: int

    def __post_init__(self) -> None:
        self._held: list[Chunk] = []
        self._joined: Chunk | None = None

    def count(self, step: int) -> int:
        """How many chunks there are at `step`."""
        return min(self.most, self.first + step // max(1, self.grow_every))

    def draw(self, step: int, seed: int, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """A batch for `step`: mean and std `B C h w` float32 and ids `B T` int64, drawn evenly from all chunks."""
        drawn = self.rows(step, seed, batch)
        return drawn.mean, drawn.std, drawn.ids

    def rows(self, step: int, seed: int, batch: int) -> Chunk:
        """The same with all that is kept beside the latents."""
        wanted = self.count(step)
        if len(self._held) < wanted or self._joined is None:
            self._held += [self.cache.chunk(index) for index in range(len(self._held), wanted)]
            self._joined = joined(self._held)
        count = len(self._joined.ids)
        return self._joined.rows(torch.randint(count, (batch,), generator=Generator().manual_seed(seed)))
