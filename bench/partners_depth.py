"""Measures the depth partners of the embedded model on held pictures, each beside what there is without it.

- the network that tells depth: correlation and error with the composer's truth, of held pictures and of the same
  redrawn by the autoencoder, beside what the mean of all depths would get.
- the adapter that follows depth: a judge, best a network of another seed (`--judge RUN`, a run of `mezzotint train
  depth`), reads the depth of what is drawn; Pearson's correlation of that with the depth that the hint was made of,
  over the whole picture and over the things alone. With the hint, without it (scale 0, same noise), with the hint of
  another picture, with mirrored hints, without captions, and with hints that the shipped network tells from the
  pictures instead of the composer's.

Pictures come from indices that training does not reach; their captions are those of training. Intervals are 95 %, from
the bootstrap over pictures. Run `python bench/partners_depth.py --help`.
"""

from pathlib import Path

import torch
from figures import STYLES, interval, on_held_pictures
from partners import BATCH, FIRST, SEED, held
from torch import Tensor

from mezzotint.evaluate.depths import Judge, agreements, agreements_within, told
from mezzotint.families import partners
from mezzotint.train import control
from mezzotint.train.bases import Base, open_base
from mezzotint.train.data.sprites import Selection
from mezzotint.train.depth import open_depth
from mezzotint.train.hints import levels, to_hint
from mezzotint.train.samples import grid
from mezzotint.train.sources import Composed
from mezzotint.train.typed import from_planes, pieces
from mezzotint.train.upscaler import redrawn


def truths(source: Composed, count: int) -> Tensor:
    """The depths of the pictures that `held` gives, `N 1 H W`."""
    return from_planes([source.depth(FIRST + k) for k in range(count)])


def hints_of(depths: Tensor) -> Tensor:
    """Depths as hints, uint8."""
    return from_planes([levels(plane[0].numpy()) for plane in depths])


def tell(name: str, made: Tensor, wanted: Tensor) -> list[float]:
    """Print how the depths `made` agree with those `wanted`; gives the correlations."""
    whole, within = agreements(made, wanted), agreements_within(made, wanted)
    print(
        f"{name}: correlation {interval(whole)}, within things {interval(within)}, n {len(whole)}", flush=True
    )
    return whole


def gain(name: str, more: list[float], less: list[float]) -> None:
    """Print by how much the correlations of the same pictures differ."""
    print(f"gain, {name}: {interval([a - b for a, b in zip(more, less, strict=True)])}", flush=True)


def measure_network(name: str, network: Judge, pictures: Tensor, copies: Tensor, wanted: Tensor) -> None:
    """Correlation and mean absolute error of what a network tells of pictures and of their copies."""
    for kind, x in (("held pictures", pictures), ("redrawn ones", copies)):
        made = told(network, x)
        errors = (made - wanted).abs().mean((1, 2, 3)).tolist()
        print(f"{name}, {kind}: error {interval(errors)}")
        tell(f"{name}, {kind}", made, wanted)


@torch.no_grad()
def measure_adapter(
    base: Base, source: Composed, count: int, folder: Path | None, judge: Judge, sheets: Path
) -> None:
    """What the judge reads in pictures drawn with the adapter, without it, and along what was never asked for."""
    pictures, captions = held(source, count)
    wanted, config = truths(source, count), control.ControlConfig(hint="depth", kind="adapter")
    network, shipped = partners.open_adapter(folder), partners.open_depth()
    copies = torch.cat([redrawn(base.autoencoder, part) for part in pieces(pictures, BATCH)])
    measure_network("shipped network", shipped, pictures, copies, wanted)
    measure_network("judge", judge, pictures, copies, wanted)
    tell("the mean of all depths", wanted.mean(0, keepdim=True).expand_as(wanted), wanted)
    planes, nothing = hints_of(wanted), ("",) * count
    own = hints_of(told(shipped, pictures))
    ways = {
        "with the hint": (captions, planes, 1.0, wanted),
        "without it": (captions, planes, 0.0, wanted),
        "with another's hint, against its own": (captions, planes.roll(1, 0), 1.0, wanted),
        "with the network's hint": (captions, own, 1.0, wanted),
        "mirrored, with the hint": (captions, planes.flip(-1), 1.0, wanted.flip(-1)),
        "no caption, with the hint": (nothing, planes, 1.0, wanted),
        "no caption, without it": (nothing, planes, 0.0, wanted),
    }
    drawn: dict[str, Tensor] = {}
    found: dict[str, list[float]] = {}
    for name, (texts, hints, scale, asked) in ways.items():
        parts = zip(range(0, count, BATCH), pieces(hints, BATCH), strict=True)
        made = [control.draw(base, network, config, texts[k : k + BATCH], part, scale) for k, part in parts]
        drawn[name] = torch.cat(made)
        found[name] = tell(name, told(judge, drawn[name]), asked)
    turned = tell("mirrored, without it", told(judge, drawn["without it"]), wanted.flip(-1))
    gain("captions", found["with the hint"], found["without it"])
    gain("mirrored", found["mirrored, with the hint"], turned)
    gain("no captions", found["no caption, with the hint"], found["no caption, without it"])
    followed = told(judge, drawn["with another's hint, against its own"])
    tell("with another's hint, against that", followed, wanted.roll(1, 0))
    rows = [pictures, to_hint(planes, 3) * 2 - 1, *drawn.values()]
    grid(torch.cat([row[:BATCH] for row in rows]), BATCH).save(sheets / "depth.png")


def main() -> None:
    """Reads the flags and prints a line for each figure."""
    parser = on_held_pictures(__doc__, 128)
    parser.add_argument(
        "--sheets", type=Path, default=Path("bench-partners"), help="where sample sheets are written"
    )
    parser.add_argument("--adapter", type=Path, help="folder of the adapter (the shipped one)")
    parser.add_argument("--judge", type=Path, help="run of a depth network (the shipped network)")
    given = parser.parse_args()
    given.sheets.mkdir(parents=True, exist_ok=True)
    judge = partners.open_depth() if given.judge is None else open_depth(given.judge)
    source = Composed(given.data, Selection(200, STYLES), SEED, 64)
    measure_adapter(open_base("mini"), source, given.count, given.adapter, judge, given.sheets)


if __name__ == "__main__":
    main()
