"""The table that translates tensor names: read forwards it loads a file, read backwards it writes one.

Takes rows (`Rule`) of their names, our names and an invertible operation. Gives our tensors from theirs and theirs
from ours, equal to the last byte. A name that no row takes and `dropped` does not name is an error, never ignored.
Knows no module and no file format.

In a pattern `{i}` stands for a number, `*` for `weight` or `bias`, and a closing `**` (only in `dropped`) for
anything. A later row for names of ours that an earlier row has already is another spelling: read, never written.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from mezzotint.values.errors import WeightsMismatch
from mezzotint.weights.source import TensorSource


@dataclass(frozen=True)
class Op:
    """An invertible change of one tensor of theirs into one or more of ours."""

    forward: Callable[[Tensor], Sequence[Tensor]]
    backward: Callable[[Sequence[Tensor]], Tensor]


def _pointwise_to_linear(theirs: Tensor) -> Sequence[Tensor]:
    return [theirs.flatten(1) if theirs.dim() == 4 and theirs.shape[2:] == (1, 1) else theirs]


def _linear_to_pointwise(ours: Sequence[Tensor]) -> Tensor:
    return ours[0][:, :, None, None] if ours[0].dim() == 2 else ours[0]


SAME = Op(lambda theirs: [theirs], lambda ours: ours[0])
LINEAR = Op(_pointwise_to_linear, lambda ours: ours[0])
"""Theirs is a Linear; a 1 x 1 convolution in its place is read too."""
POINTWISE = Op(_pointwise_to_linear, _linear_to_pointwise)
"""Theirs is a 1 x 1 convolution (O I 1 1), ours a Linear (O I)."""
TRANSPOSED = Op(lambda theirs: [theirs.t()], lambda ours: ours[0].t())
THIRDS = Op(lambda theirs: theirs.chunk(3), lambda ours: torch.cat(list(ours)))
"""Theirs holds query, key and value on top of each other (3 O I), ours holds three."""


@dataclass(frozen=True)
class Rule:
    """One row: their name, our name (several, when `op` splits), and how the tensor changes."""

    theirs: str
    ours: str | tuple[str, ...]
    op: Op = SAME

    @property
    def targets(self) -> tuple[str, ...]:
        """Our names as a tuple."""
        return (self.ours,) if isinstance(self.ours, str) else self.ours

    def under(self, theirs: str, ours: str) -> "Rule":
        """The same row with a prefix on each side."""
        return Rule(theirs + self.theirs, tuple(ours + name for name in self.targets), self.op)


@dataclass(frozen=True)
class Matched:
    """Names sorted by what a layout does with them: `taken` maps theirs to ours."""

    taken: Mapping[str, tuple[str, ...]]
    dropped: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Placed:
    """One of their weights, and which of ours it is made of."""

    theirs: str
    ours: tuple[str, ...]
    op: Op


_TOKEN = re.compile(r"\{(\w+)\}|\*\*|\*")


def _compiled(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    end = 0
    for found in _TOKEN.finditer(pattern):
        parts.append(re.escape(pattern[end : found.start()]))
        end = found.end()
        if found[1]:
            parts.append(rf"(?P<{found[1]}>\d+)")
        else:
            parts.append(".*" if found[0] == "**" else "(?P<leaf>weight|bias)")
    return re.compile("".join(parts) + re.escape(pattern[end:]))


def _filled(pattern: str, values: Mapping[str, str]) -> str:
    return _TOKEN.sub(lambda found: values[found[1] or "leaf"], pattern)


class _Index:
    """Finds the first pattern that fits a name; looks only at those whose fixed beginning the name has."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._by_start: dict[str, list[tuple[int, re.Pattern[str]]]] = {}
        for number, pattern in enumerate(patterns):
            token = _TOKEN.search(pattern)
            fixed = pattern[: token.start()] if token else pattern
            start = fixed if not token or fixed.endswith(".") else fixed.rpartition(".")[0] + "."
            self._by_start.setdefault(start if start != "." else "", []).append((number, _compiled(pattern)))

    def find(self, name: str) -> tuple[int, dict[str, str]] | None:
        """The number of the first fitting pattern and what its placeholders stand for."""
        parts = name.split(".")
        starts = [".".join(parts[:n]) + "." for n in range(1, len(parts))]
        fits: list[tuple[int, dict[str, str]]] = []
        for start in ("", *starts, name):
            for number, pattern in self._by_start.get(start, ()):
                found = pattern.fullmatch(name)
                if found:
                    fits.append((number, found.groupdict()))
                    break
        return min(fits, key=lambda fit: fit[0], default=None)

    def find_all(self, name: str) -> list[tuple[int, dict[str, str]]]:
        """All fitting patterns, the first one first."""
        parts = name.split(".")
        starts = ["", *(".".join(parts[:n]) + "." for n in range(1, len(parts))), name]
        near = sorted((n, p) for start in starts for n, p in self._by_start.get(start, ()))
        return [(n, found.groupdict()) for n, pattern in near if (found := pattern.fullmatch(name))]


@dataclass(frozen=True)
class Layout:
    """The rows of one layout, the patterns of what it leaves out on purpose, and pairs of their names that hold one
    tensor (`twins`): either is read, both are written. A row of its own takes each."""

    rules: tuple[Rule, ...]
    dropped: tuple[str, ...] = field(default=())
    twins: tuple[tuple[str, str], ...] = field(default=())

    @cached_property
    def _forward(self) -> _Index:
        return _Index(rule.theirs for rule in self.rules)

    @cached_property
    def _leave(self) -> _Index:
        return _Index(self.dropped)

    @cached_property
    def _targets(self) -> list[tuple[Rule, int]]:
        return [(rule, part) for rule in self.rules for part in range(len(rule.targets))]

    @cached_property
    def _backward(self) -> _Index:
        return _Index(rule.targets[part] for rule, part in self._targets)

    def under(self, theirs: str, ours: str) -> "Layout":
        """The same layout with a prefix before all names of each side, for one part of a larger file."""
        rules = tuple(rule.under(theirs, ours) for rule in self.rules)
        twins = tuple((theirs + first, theirs + second) for first, second in self.twins)
        return Layout(rules, tuple(theirs + pattern for pattern in self.dropped), twins)

    def match(self, names: Iterable[str]) -> Matched:
        """What this layout does with each of `names`; reads no data."""
        taken: dict[str, tuple[str, ...]] = {}
        dropped: list[str] = []
        unknown: list[str] = []
        for name in names:
            found = self._forward.find(name)
            if found:
                taken[name] = tuple(_filled(ours, found[1]) for ours in self.rules[found[0]].targets)
            else:
                (dropped if self._leave.find(name) else unknown).append(name)
        return Matched(taken, tuple(dropped), tuple(unknown))

    def theirs(self, name: str) -> str:
        """What their file calls our `name`; the name itself when no row knows it."""
        found = self._backward.find(name)
        return _filled(self._targets[found[0]][0].theirs, found[1]) if found else name

    def spellings(self, name: str) -> list[Placed]:
        """Everything that files of this layout may call our `name`, the written spelling first."""
        return [
            Placed(
                _filled(self._targets[number][0].theirs, values),
                tuple(_filled(ours, values) for ours in self._targets[number][0].targets),
                self._targets[number][0].op,
            )
            for number, values in self._backward.find_all(name)
        ]

    def load(self, source: TensorSource) -> dict[str, Tensor]:
        """All tensors of `source` under our names, in their stored types.

        Raises WeightsMismatch: names that no row takes, or two of theirs that are the same one of ours.
        """
        unknown = list(self.match(source).unknown)
        second = {second for first, second in self.twins if first in source}
        loaded: dict[str, Tensor] = {}
        for name in source:
            found = self._forward.find(name)
            if not found or name in second:
                continue
            rule = self.rules[found[0]]
            targets = [_filled(ours, found[1]) for ours in rule.targets]
            if any(target in loaded for target in targets):
                unknown.append(name)
                continue
            loaded.update(zip(targets, rule.op.forward(source.tensor(name)), strict=True))
        if unknown:
            raise WeightsMismatch(source.path, unexpected=unknown)
        return loaded

    def export(self, ours: TensorSource) -> dict[str, Tensor]:
        """All tensors of `ours` under their names, in the same types; the inverse of `load`.

        Raises WeightsMismatch: names of ours without a row, or only a part of what one of theirs is made of.
        """
        unknown: list[str] = []
        gathered: dict[str, tuple[Rule, dict[int, str]]] = {}
        for name in ours:
            found = self._backward.find(name)
            if not found:
                unknown.append(name)
                continue
            rule, part = self._targets[found[0]]
            gathered.setdefault(_filled(rule.theirs, found[1]), (rule, {}))[1][part] = name
        missing = [name for name, (rule, parts) in gathered.items() if len(parts) < len(rule.targets)]
        if unknown or missing:
            raise WeightsMismatch(ours.path, missing=missing, unexpected=unknown)
        theirs = {
            name: rule.op.backward([ours.tensor(parts[n]) for n in range(len(parts))]).contiguous()
            for name, (rule, parts) in gathered.items()
        }
        return theirs | {second: theirs[first] for first, second in self.twins if first in theirs}


def spread(places: Iterable[tuple[str, str]], parts: Iterable[Rule]) -> tuple[Rule, ...]:
    """Every row of `parts` at every place: places are pairs of prefixes, theirs and ours, without the last dot."""
    rows = tuple(parts)
    return tuple(rule.under(f"{theirs}.", f"{ours}.") for theirs, ours in places for rule in rows)


def joined(*layouts: Layout) -> Layout:
    """One layout of the rows of several, in this order."""
    rules = tuple(rule for layout in layouts for rule in layout.rules)
    dropped = tuple(pattern for layout in layouts for pattern in layout.dropped)
    return Layout(rules, dropped, tuple(pair for layout in layouts for pair in layout.twins))
