"""Measures the partners of the embedded model on held pictures, each beside what there is without it.

- edges: F1 of Canny's edges in what is drawn against the hint, within one pixel, with the ControlNet and without it
  (scale 0, same noise), with the hint of another picture as a control, with mirrored hints, which the model would not
  draw by itself, without captions, and what the autoencoder's copy of the very picture would get, which is as much as
  the model could.
- inpainting: PSNR and LPIPS inside the hole, of the variant and of the embedded model with the known part of the latent
  put back at every call; both are pasted into the picture outside the hole.
- upscaler: PSNR and LPIPS against pictures of 128 pixels, beside Lanczos; from small pictures, and from those that the
  autoencoder drew.

Pictures come from indices that training does not reach; their captions are those of training. Intervals are 95 %, from
the bootstrap over pictures. Run `python bench/partners.py --help`; a partner that was not packed is measured with
`--edges FOLDER` and so on.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from figures import STYLES, interval, on_held_pictures
from PIL import Image
from torch import Tensor

from mezzotint.diffusion.denoise import NEGATIVE, POSITIVE, always, predictor
from mezzotint.diffusion.guidance.cfg import cfg
from mezzotint.diffusion.guidance.guide import constant, guided
from mezzotint.diffusion.noise import SeededNoise
from mezzotint.diffusion.path import Level, noised
from mezzotint.diffusion.plan import make_plan
from mezzotint.diffusion.samplers.dpmpp_2m import dpmpp_2m
from mezzotint.diffusion.samplers.step import Tuning
from mezzotint.evaluate.features import Embed, features, open_inception
from mezzotint.evaluate.fidelity import distance
from mezzotint.evaluate.outlines import edge_f1
from mezzotint.families import partners
from mezzotint.nets.conditioning import Conditioning
from mezzotint.train import control, inpainting, masks
from mezzotint.train.bases import Base, open_base
from mezzotint.train.data.sprites import Selection
from mezzotint.train.hints import edges_of, to_hint
from mezzotint.train.lpips import Lpips, open_lpips
from mezzotint.train.samples import HELD, grid, to_network
from mezzotint.train.sources import Composed
from mezzotint.train.typed import from_array, from_planes, pieces
from mezzotint.train.upscaler import UpscalerConfig, UpscalerTask, lanczos, measure

FIRST, SEED, BATCH = HELD + 10_000, 3, 16
"""Beyond the pictures that the sample sheets of training show."""


def held(source: Composed, count: int) -> tuple[Tensor, tuple[str, ...]]:
    """Pictures `N 3 H W` in -1..1 and their captions."""
    rows = [source(FIRST + k) for k in range(count)]
    return to_network(torch.stack([from_array(row[0]) for row in rows])), tuple(row[1] for row in rows)


def edges_in(pictures: Tensor) -> list[np.ndarray]:
    """Canny's edges in pictures `N 3 H W` in -1..1, as 8-bit pictures have them."""
    levels = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return [edges_of(np.ascontiguousarray(picture.permute(1, 2, 0).numpy())) for picture in levels]


def measure_edges(base: Base, source: Composed, count: int, folder: Path | None, sheets: Path) -> None:
    """F1 of edges with the ControlNet, without it, and of what it was never asked for."""
    pictures, captions = held(source, count)
    network, config = partners.open_edges(folder), control.ControlConfig()
    wanted = edges_in(pictures)
    planes = from_planes(wanted)
    copies = torch.cat(
        [base.decoded(base.scaled(base.autoencoder.encode(p)[0])) for p in pieces(pictures, BATCH)]
    )
    mirrored = [np.ascontiguousarray(edges[:, ::-1]) for edges in wanted]
    other, turned = planes.roll(1, 0), from_planes(mirrored)
    ways = {
        "with the hint": (captions, planes, 1.0, wanted),
        "without it": (captions, planes, 0.0, wanted),
        "with another's hint": (captions, other, 1.0, wanted),
        "mirrored, with the hint": (captions, turned, 1.0, mirrored),
        "with the hint, no caption": (("",) * count, planes, 1.0, wanted),
    }
    drawn: dict[str, Tensor] = {}
    tell("the autoencoder's copy", copies, wanted)
    for name, (texts, hints, scale, asked) in ways.items():
        parts = zip(range(0, count, BATCH), pieces(hints, BATCH), strict=True)
        made = [control.draw(base, network, config, texts[k : k + BATCH], part, scale) for k, part in parts]
        drawn[name] = torch.cat(made)
        tell(name, drawn[name], asked)
    tell("mirrored, without it", drawn["without it"], mirrored)
    rows = [pictures, to_hint(planes, 3) * 2 - 1, *drawn.values()]
    grid(torch.cat([row[:BATCH] for row in rows]), BATCH).save(sheets / "edges.png")


def tell(name: str, made: Tensor, wanted: list[np.ndarray]) -> None:
    """Print the F1 of the edges in `made` against those `wanted`."""
    scores = [edge_f1(a, b) for a, b in zip(edges_in(made), wanted, strict=True)]
    print(f"edges, {name}: F1 {interval(scores)}, n {len(scores)}", flush=True)


def kept(
    base: Base, prompts: tuple[str, ...], pictures: Tensor, holes: Tensor, steps: int, guidance: float
) -> Tensor:
    """What the embedded model paints when the known part of the latent is put back at every call."""
    known = base.scaled(base.autoencoder.encode(pictures)[0])
    mask = (torch.nn.functional.max_pool2d(holes, base.latent.factor) > 0).float()
    both = base.captions.states(base.captions.ids((*prompts, *[""] * len(prompts))))
    noise = SeededNoise(range(len(prompts)), (known.shape[1], known.shape[2], known.shape[3]))
    start = noise.initial()

    def call(x: Tensor, t: Tensor) -> Tensor:
        made = base.unet(torch.cat([x, x]), torch.cat([t, t]), Conditioning(both)).sample
        return torch.stack([made[: len(x)], made[len(x) :]])

    ask = always(predictor(call, base.prediction), (POSITIVE, NEGATIVE))
    denoise = guided(ask, [cfg(constant(guidance))])

    def keeping(x: Tensor, level: Level) -> Tensor:
        clean = denoise(mask * x + (1 - mask) * noised(known, start, level), level)
        return mask * clean + (1 - mask) * known

    plan = make_plan(base.path, "karras", steps)
    *_, last = dpmpp_2m(keeping, base.path.begin(start, plan.levels[0]), plan, noise, Tuning())
    return base.decoded(last.x)


def judged(network: Embed | None, source: Composed, count: int) -> Callable[[Tensor], str]:
    """What KID (x 1000) says of pictures `N 3 H W` beside as many other real ones; nothing without a network."""
    if network is None:
        return lambda _: ""

    def seen(pictures: Tensor) -> Tensor:
        levels = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        images = [Image.fromarray(picture.permute(1, 2, 0).numpy()) for picture in levels]
        return torch.cat(list(features(network, images)))

    others = to_network(torch.stack([from_array(source(FIRST + count + k)[0]) for k in range(count)]))
    real = seen(others)

    def say(pictures: Tensor) -> str:
        found = distance(seen(pictures), real, 4)
        return f", KID x 1000 {1000 * found.kid:.1f} (standard error {1000 * found.kid_error:.1f})"

    return say


def inside(made: Tensor, wanted: Tensor, holes: Tensor) -> list[float]:
    """PSNR in decibels of the pixels in the holes."""
    error = (((made.clamp(-1, 1) - wanted) / 2).square() * holes).sum((1, 2, 3)) / (3 * holes.sum((1, 2, 3)))
    return [float(value) for value in -10 * error.clamp(min=1e-10).log10()]


@torch.no_grad()
def measure_inpainting(
    base: Base,
    source: Composed,
    count: int,
    folder: Path | None,
    sheets: Path,
    lpips: Lpips,
    inception: Embed | None,
) -> None:
    """PSNR inside the hole and LPIPS of the whole, of the variant and of the embedded model."""
    pictures, captions = held(source, count)
    numbers = [k for k in range(FIRST, FIRST + 2 * count) if not masks.mask_of(k, source.size).all()][:count]
    holes = from_planes([masks.mask_of(k, source.size) for k in numbers]).float()
    variant = partners.open_inpainting(partners.inpainting_family(folder), None, folder).unet
    config = inpainting.InpaintingConfig()

    def by_variant(texts: tuple[str, ...], x: Tensor, h: Tensor) -> Tensor:
        return inpainting.draw(base, variant, config, texts, x, h)

    def by_keeping(texts: tuple[str, ...], x: Tensor, h: Tensor) -> Tensor:
        return kept(base, texts, x, h, config.shown_steps, config.guidance)

    ways: dict[str, tuple[Callable[..., Tensor], tuple[str, ...]]] = {
        "variant": (by_variant, captions),
        "plain, latent kept": (by_keeping, captions),
        "variant, no caption": (by_variant, ("",) * count),
        "plain, latent kept, no caption": (by_keeping, ("",) * count),
    }
    shown = [pictures, masks.holed(pictures, holes)]
    say = judged(inception, source, count)
    print(f"inpainting, real pictures{say(pictures)}, n {count}", flush=True)
    for name, (paint, texts) in ways.items():
        parts = [
            paint(texts[k : k + BATCH], pictures[k : k + BATCH], holes[k : k + BATCH])
            for k in range(0, count, BATCH)
        ]
        raw = torch.cat(parts).clamp(-1, 1)
        pasted = holes * raw + (1 - holes) * pictures
        far = torch.cat(
            [lpips(a, b) for a, b in zip(pieces(pasted, BATCH), pieces(pictures, BATCH), strict=True)]
        )
        outside = interval(inside(raw, pictures, 1 - holes))
        print(
            f"inpainting, {name}: PSNR in the hole {interval(inside(raw, pictures, holes))} dB, LPIPS pasted "
            f"{interval(far.tolist())}, PSNR outside before pasting {outside} dB{say(pasted)}, n {count}",
            flush=True,
        )
        shown += [raw, pasted]
    grid(torch.cat([row[:BATCH] for row in shown]), BATCH).save(sheets / "inpainting.png")


def measure_upscaler(
    base: Base, source: Composed, count: int, folder: Path | None, sheets: Path, lpips: Lpips
) -> None:
    """PSNR and LPIPS of enlarged pictures, beside Lanczos."""
    network = partners.open_upscaler(folder)
    task = UpscalerTask(UpscalerConfig(network.geometry), source, base.autoencoder, lpips, 0)

    def by_lanczos(x: Tensor) -> Tensor:
        return lanczos(x, network.geometry.factor)

    for name, way in {"network": network, "Lanczos": by_lanczos}.items():
        print(f"upscaler, {name}: {measure(way, task, count)}, n {count}", flush=True)
    task.sample({"upscaler": network}).save(sheets / "upscaler.png")


def main() -> None:
    """Reads the flags and prints a line for each figure."""
    parser = on_held_pictures(__doc__, 128)
    parser.add_argument(
        "--sheets", type=Path, default=Path("bench-partners"), help="where sample sheets are written"
    )
    parser.add_argument("--only", nargs="*", default=["edges", "inpainting", "upscaler"])
    parser.add_argument(
        "--kid", action="store_true", help="KID of inpainted pictures, too, with the Inception network"
    )
    for name in ("edges", "inpainting", "upscaler"):
        parser.add_argument(f"--{name}", type=Path, help="folder of the partner (the shipped one)")
    given = parser.parse_args()
    given.sheets.mkdir(parents=True, exist_ok=True)
    base, chosen = open_base("mini"), Selection(200, STYLES)
    source, large = (Composed(given.data, chosen, SEED, size) for size in (64, 128))
    if "edges" in given.only:
        with torch.no_grad():
            measure_edges(base, source, given.count, given.edges, given.sheets)
    lpips = open_lpips(given.data / "packages") if set(given.only) - {"edges"} else None
    inception = open_inception(given.data / "packages") if given.kid else None
    if "inpainting" in given.only and lpips is not None:
        measure_inpainting(base, source, given.count, given.inpainting, given.sheets, lpips, inception)
    if "upscaler" in given.only and lpips is not None:
        measure_upscaler(base, large, given.count, given.upscaler, given.sheets, lpips)


if __name__ == "__main__":
    main()
