"""The spellings of LoRA files: which tensor is which part of which layer's change, in every dialect in use.

Takes an opened file of tensors. Gives a `Delta` for each layer, still under the file's own name of that layer. A
name that no dialect explains is an error that lists it. Knows no network. References for the names: sd-scripts,
LyCORIS, peft, diffusers, cloneofsimo/lora.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType
from typing import cast

from torch import Tensor

from mezzotint.values.errors import BadModelFile, WeightsMismatch, shorten
from mezzotint.weights.delta import (
    Delta,
    Factors,
    Full,
    GLoRA,
    Hadamard,
    Kronecker,
    LowRank,
    Magnitude,
    Orthogonal,
)
from mezzotint.weights.folders import read_json
from mezzotint.weights.source import TensorSource

Fields = Mapping[str, Tensor]
Scale = Callable[[int], float]
"""From a rank to the scale of a layer's change."""

_LYCORIS = (
    *(f"hada_{name}" for name in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")),
    *(f"lokr_{name}" for name in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")),
    *("oft_blocks", "rescale", "diff", "diff_b", "w_norm", "b_norm"),
)
ENDINGS: Mapping[str, str] = MappingProxyType(
    {
        ".alpha": "alpha",
        ".lora_up.weight": "up",
        ".lora_down.weight": "down",
        ".lora_mid.weight": "core",
        ".lora_B.weight": "up",
        ".lora_A.weight": "down",
        ".lora_B.default.weight": "up",
        ".lora_A.default.weight": "down",
        ".lora_linear_layer.up.weight": "up",
        ".lora_linear_layer.down.weight": "down",
        ".lora.up.weight": "up",
        ".lora.down.weight": "down",
        "_lora.up.weight": "up",
        "_lora.down.weight": "down",
        "_lora.alpha": "alpha",
        ":up": "up",
        ":down": "down",
        ".dora_scale": "length",
        ".lora_magnitude_vector": "length",
        ".lora_magnitude_vector.weight": "length",
        ".lora_magnitude_vector.default.weight": "length",
        **{f".{name}": name for name in _LYCORIS},
        **{f".{name}.weight": name for name in ("a1", "a2", "b1", "b2", "bm")},
    }
)
"""How the name of a tensor ends, and which part of a layer's change it then is."""

_ENDING = re.compile("(?:" + "|".join(map(re.escape, sorted(ENDINGS, key=len, reverse=True))) + ")$")

HYPERNETWORK = re.compile(r"(?:320|640|768|1024|1280)\.[01]\.linear")
"""A1111's hypernetworks have their layers under the widths they belong to: 320.0.linear.0.weight."""
LORA = re.compile(r"\.(?:lora_(?:up|down|A|B)|lora|hada_w1_a|lokr_w[12]|oft_blocks)(?:\.|$)")
"""One name of these makes a file an adapter of weights."""

PROCESSORS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\.processor\."), "."),
    (re.compile(r"(self_attn\.)to_([qkv])$"), r"\1\2_proj"),
    (re.compile(r"(self_attn\.)to_out$"), r"\1out_proj"),
    (re.compile(r"\.to_out$"), ".to_out.0"),
)
"""diffusers before 0.22 named layers by the attention processors that held them."""


@dataclass(frozen=True)
class Layer:
    """One changed weight by the file's own name of its layer; `leaf` is "weight" or "bias"."""

    module: str
    leaf: str
    delta: Delta


def layers_of(source: TensorSource) -> tuple[Layer, ...]:
    """The changes that an adapter file holds, in its order.

    Raises BadModelFile (a hypernetwork, values that are no numbers, a layer with missing parts) and WeightsMismatch
    (names that belong to no dialect).
    """
    _check_kind(source)
    grouped: dict[str, dict[str, str]] = {}
    unknown: list[str] = []
    for name in source:
        ending = _ENDING.search(name)
        module = _spelled(name[: ending.start()]) if ending else ""
        fields = grouped.setdefault(module, {}) if module else {}
        if not ending or not module or ENDINGS[ending[0]] in fields:
            unknown.append(name)
            continue
        fields[ENDINGS[ending[0]]] = name
    if unknown:
        raise WeightsMismatch(source.path, unexpected=unknown)
    alphas = _alphas(source)
    return tuple(
        layer
        for module, fields in grouped.items()
        for layer in _layers(source, module, _read(source, fields), alphas(module))
    )


def _check_kind(source: TensorSource) -> None:
    if any(HYPERNETWORK.match(name) for name in source):
        raise BadModelFile(
            source.path, "is a hypernetwork, which is not supported", hint="use a LoRA or a textual inversion"
        )
    if not source:
        raise BadModelFile(source.path, "holds no tensors")


def _spelled(module: str) -> str:
    for pattern, written in PROCESSORS:
        module = pattern.sub(written, module)
    return module


def _read(source: TensorSource, fields: Mapping[str, str]) -> dict[str, Tensor]:
    read: dict[str, Tensor] = {}
    for field, name in fields.items():
        tensor = source.tensor(name)
        if not tensor.is_floating_point() and field != "alpha":
            raise BadModelFile(source.path, f"{shorten(name, 100)} is not stored as floating point")
        # peft has one length for each output, for convolutions as 1 O 1 1.
        tensor = tensor.float().flatten() if ".lora_magnitude_vector" in name else tensor.float()
        read[field] = tensor
        if not bool(tensor.isfinite().all()):
            raise BadModelFile(source.path, f"{shorten(name, 100)} holds values that are no numbers")
    return read


@dataclass(frozen=True)
class _Form:
    """One kind of change: the parts it must have, those it may have, and what they make."""

    needed: frozenset[str]
    optional: frozenset[str]
    make: Callable[[Fields, Scale], Delta]


def _form(needed: str, optional: str, make: Callable[[Fields, Scale], Delta]) -> _Form:
    return _Form(frozenset(needed.split()), frozenset(optional.split()), make)


def _low_rank(fields: Fields, scale: Scale) -> Delta:
    factors = Factors(fields["up"], fields["down"], fields.get("core"))
    return LowRank(factors, scale(factors.rank))


def _transposed(left: Tensor, core: Tensor | None) -> Tensor:
    # With a core LyCORIS stores the left factor as R O.
    return left if core is None or left.dim() != 2 else left.t()


def _hadamard(fields: Fields, scale: Scale) -> Delta:
    first, second = (
        Factors(
            _transposed(fields[f"hada_w{n}_a"], core := fields.get(f"hada_t{n}")),
            fields[f"hada_w{n}_b"],
            core,
        )
        for n in (1, 2)
    )
    return Hadamard(first, second, scale(first.rank))


def _kronecker(fields: Fields, scale: Scale) -> Delta:
    parts: list[Tensor | Factors] = []
    for n in (1, 2):
        whole = fields.get(f"lokr_w{n}")
        core = fields.get(f"lokr_t{n}")
        parts.append(
            whole
            if whole is not None
            else Factors(_transposed(fields[f"lokr_w{n}_a"], core), fields[f"lokr_w{n}_b"], core)
        )
    ranks = [part.rank for part in parts if isinstance(part, Factors)]
    # Two whole matrices have no rank, and their alpha means nothing.
    return Kronecker(parts[0], parts[1], scale(ranks[0]) if ranks else 1.0)


def _glora(fields: Fields, scale: Scale) -> Delta:
    added = Factors(fields["b1"], fields["b2"], fields.get("bm"))
    return GLoRA(Factors(fields["a1"], fields["a2"]), added, scale(added.rank))


def _orthogonal(fields: Fields, scale: Scale) -> Delta:
    constraint = fields["alpha"].item() if "alpha" in fields else 0.0
    return Orthogonal(fields["oft_blocks"], constraint, fields.get("rescale"))


FORMS = (
    _form("up down", "core alpha length", _low_rank),
    _form("hada_w1_a hada_w1_b hada_w2_a hada_w2_b", "hada_t1 hada_t2 alpha length", _hadamard),
    _form("lokr_w1 lokr_w2", "alpha length", _kronecker),
    _form("lokr_w1 lokr_w2_a lokr_w2_b", "lokr_t2 alpha length", _kronecker),
    _form("lokr_w1_a lokr_w1_b lokr_w2", "alpha length", _kronecker),
    _form("lokr_w1_a lokr_w1_b lokr_w2_a lokr_w2_b", "lokr_t2 alpha length", _kronecker),
    _form("a1 a2 b1 b2", "bm alpha", _glora),
    _form("oft_blocks", "rescale alpha", _orthogonal),
    _form("diff", "alpha length", lambda fields, scale: Full(fields["diff"])),
    _form("w_norm", "", lambda fields, scale: Full(fields["w_norm"])),
)
BIASES = ("diff_b", "b_norm")


def _layers(source: TensorSource, module: str, fields: Fields, given: "_Alpha") -> list[Layer]:
    biases = [Layer(module, "bias", Full(fields[name])) for name in BIASES if name in fields]
    names = fields.keys() - set(BIASES)
    if len(biases) > 1 or (not names and not biases):
        raise BadModelFile(source.path, f"{shorten(module, 100)} has two changes of its bias")
    if not names:
        return biases
    form = next((f for f in FORMS if f.needed <= names <= f.needed | f.optional), None)
    written = fields.get("alpha")
    if form is None or (written is not None and written.numel() != 1):
        known = ", ".join(sorted(names))
        raise BadModelFile(source.path, f"{shorten(module, 100)} has parts that make no change ({known})")
    alpha = given.alpha if written is None else written.item()
    delta = form.make(fields, lambda rank: _scaled(alpha, rank, given.root))
    if "length" in fields:
        delta = Magnitude(delta, fields["length"])
    return [Layer(module, "weight", delta), *biases]


def _scaled(alpha: float | None, rank: int, root: bool) -> float:
    return 1.0 if alpha is None or rank == 0 else alpha / (sqrt(rank) if root else rank)


@dataclass(frozen=True)
class _Alpha:
    """What stands beside the tensors about a layer's scale; `root`: alpha is divided by the root of the rank."""

    alpha: float | None = None
    root: bool = False


def _alphas(source: TensorSource) -> Callable[[str], _Alpha]:
    """peft keeps alpha apart: diffusers in the file's metadata, peft in a JSON file beside it."""
    text = source.metadata.get("lora_adapter_metadata")
    beside = source.path.parent / "adapter_config.json"
    if text is not None:
        try:
            parsed: object = json.loads(text)
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            raise BadModelFile(source.path, "has metadata about its scales that is no JSON object")
        packed = cast("dict[str, object]", parsed)
        return lambda module: _alpha(packed, module.partition(".")[0] + ".", module.partition(".")[2])
    bare = any(name.startswith(BARE) for name in source)
    if bare and not beside.is_file():
        raise BadModelFile(
            source.path,
            "does not say how strong it is: adapter_config.json is missing",
            hint="put the adapter_config.json that belongs to it into the same folder",
        )
    config = read_json(beside) if bare else {}
    if config.get("peft_type", "LORA") != "LORA":
        kind = shorten(str(config["peft_type"]), 20)
        raise BadModelFile(source.path, f"is an adapter of peft's kind {kind}", hint="only LORA is read")
    return lambda module: _alpha(config, "", module.removeprefix(BARE))


BARE = "base_model.model."
"""What peft puts before every name of a file that it has written itself."""


def _alpha(config: Mapping[str, object], prefix: str, module: str) -> _Alpha:
    pattern = config.get(f"{prefix}alpha_pattern")
    own = cast("dict[str, object]", pattern if isinstance(pattern, dict) else {})
    # peft takes regular expressions here; what is written is the end of a name.
    found = next((own[end] for end in own if module == end or module.endswith(f".{end}")), None)
    alpha = found if found is not None else config.get(f"{prefix}lora_alpha")
    if isinstance(alpha, int | float) and not isinstance(alpha, bool):
        return _Alpha(float(alpha), config.get(f"{prefix}use_rslora") is True)
    return _Alpha()
