"""The matrix of checkpoint kinds: every cell from evidence, never from a claim.

For each manifest: does a small model of that layout open and run, is it recognised by names and shapes, is every key
of the published file taken or named as left out, do all keys at reduced widths come back to the last byte, and which
tests compare its network with the reference. A cell that is not true says so. `matrix_page` writes it down.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from adapters.loras import published
from adapters.test_dialects import whole
from families.matrix_alone import control, shown, shown_jointly, sight, tiny, tower
from families.matrix_rows import MODEL, ROWS, TEXTLESS, Row
from families.published import FOLDER_OF, checkpoint, tensors
from families.reduced import ALL, TEXTS, file_without, part_file, saved, small
from mezzotint.adapters.image_prompt import form_of
from mezzotint.adapters.inversion import inversion_in
from mezzotint.adapters.joint_prompt import joint_prompt_table
from mezzotint.adapters.lora import bound
from mezzotint.diffusion.prediction import FLOW
from mezzotint.families.conditions import Asked
from mezzotint.families.controls import controlnet_table
from mezzotint.families.export import export_diffusers
from mezzotint.families.family import Model
from mezzotint.families.kinds import kind_of
from mezzotint.families.layouts import (
    ip_adapter,
    mmdit_checkpoint,
    mmdit_diffusers,
    siglip_hf,
    tiny_numbered,
    unet_diffusers,
    vision_hf,
    vision_open,
)
from mezzotint.families.parts import CLIP, T5, Piece, open_piece
from mezzotint.families.registry import open_model
from mezzotint.families.resolve import Resolved, resolve
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.unet import UNetGeometry
from mezzotint.values.errors import MezzotintError
from mezzotint.values.recipe import ModelUse, PartUse
from mezzotint.weights.files import InMemory
from mezzotint.weights.layout import Layout

PARITY = Path(__file__).parents[1] / "parity"
PUBLISHED = tuple(sorted(path.name.removesuffix(".json.gz") for path in FOLDER_OF.glob("*.json.gz")))
KINDS = (*PUBLISHED, *(kind + TEXTLESS for kind in PUBLISHED if kind.startswith("sd3_sd3")))
YES = "yes"


@dataclass(frozen=True)
class Cells:
    """One line of the matrix: YES, or what is not so; `keys` counts names taken and left out."""

    opens: str
    recognised: str
    keys: str
    bytes: str
    parity: str


def cells(kind: str) -> Cells:
    """The evidence about one kind."""
    row = ROWS[kind]
    return Cells(
        _tried(lambda: opens(kind, row)),
        _tried(lambda: recognised(kind, row)),
        _tried(lambda: keys(kind)),
        _tried(lambda: same_bytes(kind)),
        compared(row),
    )


def _tried(look: Callable[[], str]) -> str:
    try:
        return look()
    except (MezzotintError, KeyError) as error:
        said = str(error).strip("'").partition(";")[0]
        return f"no: {said.rpartition(': ')[2]}"


def recognised(kind: str, row: Row) -> str:
    """What names and shapes alone say: the family of a model, the kind of anything else."""
    found = kind_of(_names(kind))
    if found == row.called and (found == MODEL or kind.endswith(TEXTLESS)):
        found = _resolved(kind).family.name
    return YES if found in (row.called, row.family) else f"no: as {found}"


def keys(kind: str) -> str:
    """Every published name is taken by a rule or named as left out."""
    read = READERS.get(kind.partition("_")[0])
    if read is not None:
        return read(kind)
    matched = table(kind).match(_names(kind))
    if matched.unknown:
        return f"no: {len(matched.unknown)} unknown"
    return f"{len(matched.taken)}" + (f" + {len(matched.dropped)} left out" if matched.dropped else "")


def same_bytes(kind: str) -> str:
    """All keys with random values at reduced widths, read and written: the same names, types and bytes."""
    if kind.partition("_")[0] in READERS:
        return "is not written"
    layout = table(kind)
    generator = torch.Generator().manual_seed(0)
    second = {name for _, name in layout.twins}
    file: dict[str, Tensor] = {}
    for name in layout.match(_names(kind)).taken:
        like = _meta(kind)[name]
        file[name] = torch.randn([narrow(side) for side in like.shape], generator=generator).to(like.dtype)
    for first, name in layout.twins:
        if name in file:
            file[name] = file[first]
    ours = layout.load(InMemory(Path(kind), file))
    back = layout.export(InMemory(Path(kind), ours))
    absent = second - file.keys()
    alike = back.keys() - absent == file.keys() and all(
        back[n].dtype == t.dtype and torch.equal(back[n], t) for n, t in file.items()
    )
    return YES if alike else "no: other bytes"


def narrow(side: int) -> int:
    """A side without its powers of two but one, so that thirds and halves stay what they are."""
    return side if side % 2 else side // (side & -side) * 2


def compared(row: Row) -> str:
    """The names of the tests that compare the network with the reference: they exist and are not left out."""
    if not row.parity:
        return "no test"
    missing = [name for name in row.parity if not runs(name)]
    if missing:
        return f"no: {missing[0]} does not run"
    files = {name.partition("::")[0].removeprefix("test_") for name in row.parity}
    return ", ".join(sorted(files))


@cache
def _functions(file: str) -> Mapping[str, tuple[str, ...]]:
    path = PARITY / f"{file}.py"
    tree = ast.parse(path.read_text("utf-8")) if path.is_file() else ast.Module([], [])
    found = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return {node.name: tuple(map(ast.unparse, node.decorator_list)) for node in found}


def runs(name: str) -> bool:
    """Whether the test `file::function` exists and runs every day."""
    file, _, function = name.partition("::")
    marks = _functions(file).get(function)
    return marks is not None and not any("skip" in mark or "slow" in mark for mark in marks)


@cache
def _meta(kind: str) -> dict[str, Tensor]:
    return tensors(kind.removesuffix(TEXTLESS), optional=not kind.endswith(TEXTLESS))


def _names(kind: str) -> list[str]:
    """As our readers see them: a pickled dictionary's names are joined with dots."""
    return [name.replace('["*"]', ".*").replace("<placeholder-token>", "<cat>") for name in _meta(kind)]


@cache
def table(kind: str) -> Layout:
    """The table that the program reads a file of this kind with."""
    names, source = _names(kind), InMemory(Path(kind), _meta(kind))
    for start, layout in TABLES:
        if kind.startswith(start):
            return layout(names, source)
    return _resolved(kind).table


@cache
def _resolved(kind: str) -> Resolved:
    parts = [_piece(text) for text in TEXT_FILES] if kind.endswith(TEXTLESS) else []
    return resolve(checkpoint(kind.removesuffix(TEXTLESS), _meta(kind)), None, pieces=parts)


def _piece(kind: str) -> Piece:
    return Piece(TEXT_FILES[kind], InMemory(Path(kind), _meta(kind)), table(kind))


def _unet(names: list[str], source: InMemory) -> Layout:
    added = (
        unet_diffusers.CLASS_EMBEDDING
        if any("class_emb" in n for n in names)
        else unet_diffusers.ADD_EMBEDDING
    )
    return unet_diffusers.layout(added)


def _prompt(names: list[str], source: InMemory) -> Layout:
    if ip_adapter.TIME in source:
        return joint_prompt_table(names)
    return ip_adapter.layout(form_of(source).table, sum("to_k_ip" in name for name in names))


def _transformer(names: list[str], source: InMemory) -> Layout:
    layers = next(
        n for n in count() if not any(name.startswith(f"transformer_blocks.{n}.") for name in names)
    )
    return mmdit_diffusers.layout(layers)


def _always(layout: Layout) -> Callable[[list[str], InMemory], Layout]:
    return lambda names, source: layout


TABLES: tuple[tuple[str, Callable[[list[str], InMemory], Layout]], ...] = (
    ("ldm_controlnet", lambda names, source: controlnet_table(names)),
    ("diffusers_controlnet", lambda names, source: controlnet_table(names)),
    ("diffusers_unet", _unet),
    ("diffusers_transformer", _transformer),
    ("diffusers_vae_taesd", _always(tiny_numbered.DIFFUSERS)),
    ("diffusers_image_encoder", _always(vision_hf.LAYOUT)),
    ("original_openai", _always(vision_open.LAYOUT)),
    ("siglip", _always(siglip_hf.LAYOUT)),
    ("original_taesd_encoder", _always(tiny_numbered.ENCODER)),
    ("original_taesd3_encoder", _always(tiny_numbered.ENCODER)),
    ("original_taesd_decoder", _always(tiny_numbered.DECODER)),
    ("original_taesd3_decoder", _always(tiny_numbered.DECODER)),
    ("ip-adapter", _prompt),
    ("sd3_text_clip", _always(mmdit_checkpoint.CLIP)),
    ("sd3_text_t5", _always(mmdit_checkpoint.T5)),
)


def _lora(kind: str) -> str:
    names, shapes = whole("sdxl" if kind.endswith("sdxl") else "sd1")
    file = published(kind)
    bound(InMemory(Path(kind), file, {"unet": '["CrossAttention", "Attention", "GEGLU"]'}), names, shapes)
    return str(len(file))


def _word(kind: str) -> str:
    found = {n: torch.zeros(t.shape) for n, t in zip(_names(kind), _meta(kind).values(), strict=True)}
    inversion_in(InMemory(Path("cat.pt"), found))
    return str(len(found))


TEXT_FILES = {"sd3_text_clip_l": CLIP, "sd3_text_clip_g": CLIP, "sd3_text_t5xxl": T5}
"""The published files of the text encoders of SD 3, as what they are opened."""

READERS: Mapping[str, Callable[[str], str]] = {"lora": _lora, "embedding": _word}
"""Kinds that are bound to a model or a prompt, without a table that writes them."""


def opens(kind: str, row: Row) -> str:
    """A small network in this layout opens and gives an answer of numbers."""
    if kind.partition("_")[0] in READERS:
        return YES if keys(kind).isdecimal() else keys(kind)
    if row.family is not None:
        write = (
            as_parts if kind.endswith(TEXTLESS) else as_folder if kind.startswith("diffusers") else as_file
        )
        return _finite(drawn(row.family, write)) + row.how
    for start, make in SMALL.items():
        if kind.startswith(start):
            return _finite(make(kind))
    return "no: nothing opens it"


def _finite(answer: Tensor) -> str:
    return YES if bool(answer.isfinite().all()) and float(answer.std()) > 0 else "no: no numbers"


def as_file(family: str, place: Path) -> ModelUse:
    """A small model in a single file, which does not tell noise from velocity."""
    own = small(family).prediction
    return ModelUse(base=str(saved(family, place)), prediction=None if own is FLOW else own.name)


def as_folder(family: str, place: Path) -> ModelUse:
    """A small model in a diffusers folder."""
    export_diffusers(small(family), place / "model")
    return ModelUse(base=str(place / "model"))


def as_parts(family: str, place: Path) -> ModelUse:
    """A small model in a single file without text encoders, and each of them in a file of its own."""
    parts = tuple(PartUse(file=str(part_file(place / f"{text}.safetensors", text))) for text in TEXTS)
    return ModelUse(base=str(file_without(place / "model.safetensors", *TEXTS, name=family)), parts=parts)


@cache
@torch.no_grad()
def drawn(family: str, write: Callable[[str, Path], ModelUse]) -> Tensor:
    """One call of the denoiser and the decoder of a small model of `family` that was written and opened."""
    if family not in ALL:
        raise KeyError(f"{family} is not drawn with yet")
    with TemporaryDirectory() as place:
        model = open_model(write(family, Path(place)))
    return model.autoencoder.decode(_called(model))


def _called(model: Model) -> Tensor:
    latent = model.family.latent
    cond = model.conditioning(Asked("a boat", 64, 64), None, torch.device("cpu"))
    x = torch.randn(1, latent.channels, 16, 16, generator=torch.Generator().manual_seed(1))
    geometry = model.family.denoiser
    if isinstance(geometry, UNetGeometry):
        extra = geometry.in_channels - latent.channels
        planes = torch.ones(1, extra, 16, 16) if extra else None
        added, pooled, numbers = geometry.added, cond.pooled, cond.numbers
        if pooled is None and added is not None:
            pooled, numbers = torch.ones(1, added.pooled), torch.ones(1, added.numbers)
        if geometry.classes:
            numbers = torch.ones(1, 1)
        cond = Conditioning(cond.tokens, pooled, numbers, planes)
    return model.denoiser(x, torch.tensor([500]), cond).sample


@torch.no_grad()
def _read(kind: str) -> Tensor:
    """The states of a prompt of a model that has no other text encoder."""
    text = "t5" if TEXT_FILES[kind] == T5 else kind.removeprefix("sd3_text_")
    with TemporaryDirectory() as place:
        part = part_file(Path(place) / f"{text}.safetensors", text)
        if open_piece(part).kind != TEXT_FILES[kind]:
            raise KeyError(f"opens as {open_piece(part).kind}")
        whole = file_without(Path(place) / "model.safetensors", *TEXTS)
        model = open_model(ModelUse(base=str(whole), parts=(PartUse(file=str(part)),)))
    return model.conditioning(Asked("a boat", 64, 64), None, torch.device("cpu")).tokens


SMALL: Mapping[str, Callable[[str], Tensor]] = {
    "ldm_controlnet": control,
    "diffusers_controlnet": control,
    "diffusers_image_encoder": tower,
    "original_openai": tower,
    "diffusers_vae_taesd": tiny,
    "original_taesd": tiny,
    "ip-adapter_sd35": shown_jointly,
    "ip-adapter": shown,
    "siglip": sight,
    "sd3_text": _read,
}
"""The answer of a small network of each kind that stands alone, written in its layout and opened from it."""
