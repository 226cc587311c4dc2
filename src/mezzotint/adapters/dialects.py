"""The spellings of LoRA files: which tensor is which part of which layer's change, in every dialect in use.

Takes an opened file of tensors. Gives a `Delta` for each layer, still under the file's own name of that layer. A
name that no dialect explains is an error that lists it. Knows no network. References for the names: sd-scripts,
LyCORIS, peft, diffusers, cloneofsimo/lora.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import sqrt
from types import MappingProxyType
from typing import cast

from torch import Tensor

from mezzotint.families.kinds import LORA, UNKNOWN, hint_for, kind_of
from mezzotint.values.errors import BadModelFile, MezzotintError, WeightsMismatch, shorten
from mezzotint.weights.delta import (
    Cayley,
    Channels,
    Delta,
    Factors,
    Full,
    GLoRA,
    Hadamard,
    Kronecker,
    LowRank,
    Magnitude,
    Orthogonal,
    as_stored,
)
from mezzotint.weights.folders import read_json
from mezzotint.weights.source import TensorSource

Fields = Mapping[str, Tensor]
WHOLE = ("alpha", "on_input")
"""Parts that may be stored as whole numbers."""

_LYCORIS = (
    *(f"hada_{name}" for name in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")),
    *(f"lokr_{name}" for name in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")),
    *("oft_blocks", "oft_diag", "rescale", "diff", "diff_b", "w_norm", "b_norm"),
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
        ".on_input": "on_input",
        ".ia3_l": "ia3_l",
        ".ia3_l.default": "ia3_l",
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

PROCESSORS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\.processor\."), "."),
    (re.compile(r"(self_attn\.)to_([qkv])$"), r"\1\2_proj"),
    (re.compile(r"(self_attn\.)to_out$"), r"\1out_proj"),
    (re.compile(r"\.to_out$"), ".to_out.0"),
)
"""diffusers before 0.22 named layers by the attention processors that held them."""


@dataclass(frozen=True)
class Layer:
    """One changed weight by the file's own name of its layer; `leaf` is "weight" or "bias". One that is not `needed`
    is passed over where the model's layer has no such leaf."""

    module: str
    leaf: str
    delta: Delta
    needed: bool = True


def layers_of(source: TensorSource) -> tuple[Layer, ...]:
    """The changes that an adapter file holds, in its order.

    Raises BadModelFile (another kind of file, values that are no numbers, a layer with missing parts) and
    WeightsMismatch (names that belong to no dialect).
    """
    if not source:
        raise BadModelFile(source.path, "holds no tensors")
    grouped: dict[str, dict[str, str]] = {}
    unknown: list[str] = []
    for name in source:
        written, field = _parted(name, source)
        module = _spelled(written)
        fields = grouped.setdefault(module, {}) if module else {}
        if not module or field in fields:
            unknown.append(name)
            continue
        fields[field] = name
    if unknown:
        raise _another(source, unknown)
    beside = _beside(source)
    return tuple(
        layer
        for module, fields in grouped.items()
        for layer in _layers(source, module, _read(source, fields), beside(module))
    )


def _another(source: TensorSource, unknown: list[str]) -> MezzotintError:
    """The error of a file with names that no dialect explains: what it is instead, where that can be told."""
    kind = kind_of(source)
    if kind in (LORA, UNKNOWN):
        return WeightsMismatch(source.path, unexpected=unknown)
    return BadModelFile(source.path, f"is {kind}, not a LoRA", hint_for(kind, "use a LoRA or its kin"))


def _parted(name: str, source: TensorSource) -> tuple[str, str]:
    """The layer that `name` belongs to and the part it is; both empty when it is none."""
    ending = _ENDING.search(name)
    if ending:
        return name[: ending.start()], ENDINGS[ending[0]]
    # LyCORIS calls the factors of (IA)^3 as a weight itself; what says on which side they stand tells them.
    module, _, leaf = name.rpartition(".")
    return (module, "gain") if leaf == "weight" and f"{module}.on_input" in source else ("", "")


def _spelled(module: str) -> str:
    for pattern, written in PROCESSORS:
        module = pattern.sub(written, module)
    return module


def _read(source: TensorSource, fields: Mapping[str, str]) -> dict[str, Tensor]:
    read: dict[str, Tensor] = {}
    for field, name in fields.items():
        tensor = source.tensor(name)
        if not tensor.is_floating_point() and field not in WHOLE:
            raise BadModelFile(source.path, f"{shorten(name, 100)} is not stored as floating point")
        # peft has one length for each output, for convolutions as 1 O 1 1.
        tensor = tensor.float().flatten() if ".lora_magnitude_vector" in name else tensor.float()
        read[field] = tensor
        if not bool(tensor.isfinite().all()):
            raise BadModelFile(source.path, f"{shorten(name, 100)} holds values that are no numbers")
    return read


@dataclass(frozen=True)
class _Form:
    """One kind of change: the parts it must have, those it may have, what they make of a weight, and of its bias
    when there is one."""

    needed: frozenset[str]
    optional: frozenset[str]
    make: Callable[[Fields, "Beside"], Delta]
    bias: Callable[[Fields, "Beside"], Delta | None] = lambda fields, beside: None


def _form(needed: str, optional: str, make: Callable[[Fields, "Beside"], Delta]) -> _Form:
    return _Form(frozenset(needed.split()), frozenset(optional.split()), make)


def _low_rank(fields: Fields, beside: "Beside") -> Delta:
    factors = Factors(fields["up"], fields["down"], fields.get("core"))
    return LowRank(factors, beside.scale(factors.rank))


def _transposed(left: Tensor, core: Tensor | None) -> Tensor:
    # With a core LyCORIS stores the left factor as R O.
    return left if core is None or left.dim() != 2 else left.t()


def _hadamard(fields: Fields, beside: "Beside") -> Delta:
    first, second = (
        Factors(
            _transposed(fields[f"hada_w{n}_a"], core := fields.get(f"hada_t{n}")),
            fields[f"hada_w{n}_b"],
            core,
        )
        for n in (1, 2)
    )
    return Hadamard(first, second, beside.scale(first.rank))


def _kronecker(fields: Fields, beside: "Beside") -> Delta:
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
    return Kronecker(parts[0], parts[1], beside.scale(ranks[0]) if ranks else 1.0)


def _glora(fields: Fields, beside: "Beside") -> Delta:
    added = Factors(fields["b1"], fields["b2"], fields.get("bm"))
    return GLoRA(Factors(fields["a1"], fields["a2"]), added, beside.scale(added.rank))


def _orthogonal(fields: Fields, beside: "Beside") -> Delta:
    constraint = fields["alpha"].item() if "alpha" in fields else 0.0
    return Orthogonal(fields["oft_blocks"], Cayley(constraint), fields.get("rescale"))


def _channels(fields: Fields, beside: "Beside") -> Delta:
    return Channels(fields["gain"], int(bool(fields["on_input"].any())))


def _peft_axis(fields: Fields, beside: "Beside") -> int:
    shape = fields["ia3_l"].shape
    # For a matrix the shape tells the side, 1 I or O 1; for a convolution it is 1 C 1 1 either way.
    return int(shape[0] == 1 if len(shape) == 2 else beside.into)


def _peft_channels(fields: Fields, beside: "Beside") -> Delta:
    return Channels(fields["ia3_l"] - 1, _peft_axis(fields, beside))


def _peft_bias(fields: Fields, beside: "Beside") -> Delta | None:
    # What comes out is multiplied with its bias.
    return None if _peft_axis(fields, beside) else Channels(fields["ia3_l"] - 1, 0)


FORMS = (
    _form("up down", "core alpha length", _low_rank),
    _form("hada_w1_a hada_w1_b hada_w2_a hada_w2_b", "hada_t1 hada_t2 alpha length", _hadamard),
    _form("lokr_w1 lokr_w2", "alpha length", _kronecker),
    _form("lokr_w1 lokr_w2_a lokr_w2_b", "lokr_t2 alpha length", _kronecker),
    _form("lokr_w1_a lokr_w1_b lokr_w2", "alpha length", _kronecker),
    _form("lokr_w1_a lokr_w1_b lokr_w2_a lokr_w2_b", "lokr_t2 alpha length", _kronecker),
    _form("a1 a2 b1 b2", "bm alpha", _glora),
    _form("oft_blocks", "rescale alpha", _orthogonal),
    # LyCORIS 2.0 stored what it had turned and rescaled.
    _form("oft_diag", "", lambda fields, beside: Orthogonal(fields["oft_diag"], as_stored)),
    _form("gain on_input", "", _channels),
    replace(_form("ia3_l", "", _peft_channels), bias=_peft_bias),
    _form("diff", "alpha length", lambda fields, beside: Full(fields["diff"])),
    _form("w_norm", "", lambda fields, beside: Full(fields["w_norm"])),
)
BIASES = ("diff_b", "b_norm")


def _layers(source: TensorSource, module: str, fields: Fields, given: "Beside") -> list[Layer]:
    biases = [Layer(module, "bias", Full(fields[name])) for name in BIASES if name in fields]
    names = fields.keys() - set(BIASES)
    if len(biases) > 1 or (not names and not biases):
        raise BadModelFile(source.path, f"{shorten(module, 100)} has two changes of its bias")
    if not names:
        return biases
    form = next((f for f in FORMS if f.needed <= names <= f.needed | f.optional), None)
    if form is None or any(fields[name].numel() != 1 for name in names & set(WHOLE)):
        known = ", ".join(sorted(names))
        raise BadModelFile(source.path, f"{shorten(module, 100)} has parts that make no change ({known})")
    beside = replace(given, alpha=fields["alpha"].item()) if "alpha" in fields else given
    delta, bias = form.make(fields, beside), form.bias(fields, beside)
    if "length" in fields:
        delta = Magnitude(delta, fields["length"])
    if bias:
        biases.append(Layer(module, "bias", bias, needed=False))
    return [Layer(module, "weight", delta), *biases]


@dataclass(frozen=True)
class Beside:
    """What stands beside the tensors about a layer. `root`: alpha is divided by the root of the rank; `into`: the
    factors of peft's (IA)^3 belong to what goes in."""

    alpha: float | None = None
    root: bool = False
    into: bool = False

    def scale(self, rank: int) -> float:
        """The scale of a change of this rank."""
        if self.alpha is None or rank == 0:
            return 1.0
        return self.alpha / (sqrt(rank) if self.root else rank)


def _beside(source: TensorSource) -> Callable[[str], Beside]:
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
        return lambda module: _stated(packed, module.partition(".")[0] + ".", module.partition(".")[2])
    bare = any(name.startswith(BARE) for name in source)
    if bare and not beside.is_file():
        raise BadModelFile(
            source.path,
            "does not say how strong it is: adapter_config.json is missing",
            hint="put the adapter_config.json that belongs to it into the same folder",
        )
    config = read_json(beside) if bare else {}
    if config.get("peft_type", "LORA") not in PEFT_TYPES:
        kind = shorten(str(config["peft_type"]), 20)
        known = " and ".join(PEFT_TYPES)
        raise BadModelFile(source.path, f"is an adapter of peft's kind {kind}", hint=f"{known} are read")
    if isinstance(config.get(INTO), str) and any(len(source[name].shape) > 2 for name in source):
        raise BadModelFile(
            beside, f"{INTO} is a pattern, which is not run", hint="write it as a list of the layers' names"
        )
    return lambda module: _stated(config, "", module.removeprefix(BARE))


PEFT_TYPES = ("LORA", "IA3")
INTO = "feedforward_modules"
BARE = "base_model.model."
"""What peft puts before every name of a file that it has written itself."""


def _stated(config: Mapping[str, object], prefix: str, module: str) -> Beside:
    pattern = config.get(f"{prefix}alpha_pattern")
    own = cast("dict[str, object]", pattern if isinstance(pattern, dict) else {})
    # peft takes regular expressions here; what is written is the end of a name.
    found = next((own[end] for end in own if module == end or module.endswith(f".{end}")), None)
    alpha = found if found is not None else config.get(f"{prefix}lora_alpha")
    listed = config.get(INTO)
    into = (
        any(module.endswith(str(end)) for end in cast("list[object]", listed))
        if isinstance(listed, list)
        else False
    )
    if isinstance(alpha, int | float) and not isinstance(alpha, bool):
        return Beside(float(alpha), config.get(f"{prefix}use_rslora") is True, into)
    return Beside(into=into)
