"""Changes of a weight, mostly stored as less than it: low-rank, Hadamard and Kronecker products, rotations.

Takes the tensors of one layer of an adapter file. Gives a `Delta`: whether it fits a weight, and the change it makes
to it at full strength, in float32. Half the strength is half the change, for every kind. Knows no names and no files.

Shapes: O outputs, I inputs, K... kernel sides of a weight (O I K...); R rank.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Protocol

import torch
from torch import Tensor

Shape = tuple[int, ...]


class Delta(Protocol):
    """The change of one weight."""

    def fits(self, shape: Shape) -> bool:
        """Whether a weight of this shape can be changed so; reads no values."""
        ...

    def change(self, weight: Tensor) -> Tensor:
        """What is to be added to the float32 `weight`, of its shape. `fits` has been asked before."""
        ...


@dataclass(frozen=True, eq=False)
class Factors:
    """A matrix as `up` (O R ...) times `down` (R I ...); with a `core` (R R' K...) down is R' I (Tucker)."""

    up: Tensor
    down: Tensor
    core: Tensor | None = None

    @property
    def rank(self) -> int:
        """The length that the factors share, from which scales are reckoned."""
        return self.down.shape[0] if self.down.dim() else 0

    @property
    def size(self) -> tuple[int, int] | None:
        """Rows and columns of the product, as of a weight flattened to O and I K...; None when they cannot be
        multiplied."""
        if self.up.dim() < 2 or self.down.dim() < 2:
            return None
        rows, inner, columns = self.up.shape[0], prod(self.up.shape[1:]), prod(self.down.shape[1:])
        if self.core is None:
            return (rows, columns) if inner == self.rank else None
        if self.core.dim() < 2 or self.core.shape[:2] != (inner, self.rank):
            return None
        return rows, columns * prod(self.core.shape[2:])

    def product(self) -> Tensor:
        """The matrix of `size`, float32."""
        up, down = self.up.float().flatten(1), self.down.float().flatten(1)
        if self.core is None:
            return up @ down
        return torch.einsum("oa,ab...,bi->oi...", up, self.core.float(), down).flatten(1)


def _covers(size: tuple[int, int] | None, shape: Shape) -> bool:
    return size is not None and size == (shape[0], prod(shape[1:]))


@dataclass(frozen=True, eq=False)
class LowRank:
    """LoRA (Hu et al. 2021), for convolutions LoCon: scale * up @ down."""

    factors: Factors
    scale: float

    def fits(self, shape: Shape) -> bool:
        """Whether the product is a weight of this shape."""
        return _covers(self.factors.size, shape)

    def change(self, weight: Tensor) -> Tensor:
        """scale * up @ down."""
        return self.factors.product().view(weight.shape) * self.scale


@dataclass(frozen=True, eq=False)
class Hadamard:
    """LoHa (Hyeon-Woo et al. 2021): the elementwise product of two low-rank products."""

    first: Factors
    second: Factors
    scale: float

    def fits(self, shape: Shape) -> bool:
        """Whether both products are weights of this shape."""
        return _covers(self.first.size, shape) and _covers(self.second.size, shape)

    def change(self, weight: Tensor) -> Tensor:
        """scale * (up1 @ down1) * (up2 @ down2)."""
        return (self.first.product() * self.second.product()).view(weight.shape) * self.scale


@dataclass(frozen=True, eq=False)
class Kronecker:
    """LoKr (Yeh et al. 2023): the Kronecker product of two matrices, each whole or low-rank."""

    first: Tensor | Factors
    second: Tensor | Factors
    scale: float

    def fits(self, shape: Shape) -> bool:
        """Whether sides multiply to those of this shape."""
        first, second = _size(self.first), _size(self.second)
        if first is None or second is None:
            return False
        return _covers((first[0] * second[0], first[1] * second[1]), shape)

    def change(self, weight: Tensor) -> Tensor:
        """scale * kron(first, second)."""
        # Kernels hang on the second one, whose last axes they stay when it is flattened.
        return torch.kron(_matrix(self.first), _matrix(self.second)).view(weight.shape) * self.scale


def _size(part: Tensor | Factors) -> tuple[int, int] | None:
    if isinstance(part, Factors):
        return part.size
    return (part.shape[0], prod(part.shape[1:])) if part.dim() >= 2 else None


def _matrix(part: Tensor | Factors) -> Tensor:
    return part.product() if isinstance(part, Factors) else part.float().flatten(1).contiguous()


@dataclass(frozen=True, eq=False)
class Full:
    """The whole difference: of weights that are trained entirely, of norms, of biases."""

    difference: Tensor

    def fits(self, shape: Shape) -> bool:
        """Whether it has as many rows and values; a 1 x 1 kernel may be written as a matrix."""
        return self.difference.dim() > 0 and _covers(
            (self.difference.shape[0], prod(self.difference.shape[1:])), shape
        )

    def change(self, weight: Tensor) -> Tensor:
        """The difference."""
        return self.difference.float().reshape(weight.shape)


@dataclass(frozen=True, eq=False)
class GLoRA:
    """GLoRA (Chavan et al. 2023), the parts that are published: scale * (W @ input + added)."""

    input: Factors
    added: Factors
    scale: float

    def fits(self, shape: Shape) -> bool:
        """Whether `added` is a weight of this shape and `input` a square over its inputs."""
        return len(shape) > 1 and self.input.size == (shape[1], shape[1]) and _covers(self.added.size, shape)

    def change(self, weight: Tensor) -> Tensor:
        """scale * (W @ a1 @ a2 + b1 @ b2)."""
        through = torch.einsum("oi...,ij->oj...", weight, self.input.product())
        return (through + self.added.product().view(weight.shape)) * self.scale


@dataclass(frozen=True)
class Cayley:
    """From Q to the rotation (1 + X) / (1 - X) with X = Q - Q^T; `bound` is the most that the norm of all X may be
    (0: free), for every output."""

    bound: float = 0.0

    def __call__(self, blocks: Tensor) -> Tensor:
        """[M] N B B in float32 -> rotations of the same shape."""
        q = blocks - blocks.transpose(-1, -2)
        most = self.bound * q.shape[-3] * q.shape[-1]
        if most > 0:
            q = q * (most / q.square().sum().sqrt().clamp_min(1e-8)).clamp_max(1.0)
        one = torch.eye(q.shape[-1])
        return (one + q) @ torch.inverse(one - q)


def as_stored(blocks: Tensor) -> Tensor:
    """Blocks that are stored as what they do."""
    return blocks


@dataclass(frozen=True, eq=False)
class Orthogonal:
    """OFT (Qiu et al. 2023): blocks of outputs are rotated; with several stages BOFT (Liu et al. 2024).

    `turns` makes rotations of `blocks` N B B, for BOFT M N B B; `rescale` (O 1...) multiplies the outputs. As trained
    by LyCORIS (modules/diag_oft.py, boft.py) and sd-scripts (networks/oft.py), equal to both at full strength.
    """

    blocks: Tensor
    turns: Callable[[Tensor], Tensor] = Cayley()
    rescale: Tensor | None = None

    def fits(self, shape: Shape) -> bool:
        """Whether the blocks cover the outputs."""
        if self.blocks.dim() not in (3, 4):
            return False
        stages, (count, rows, columns) = tuple(self.blocks.shape[:-3]), self.blocks.shape[-3:]
        whole = rows == columns and count * rows == shape[0]
        if stages:
            # Every stage pairs halves of blocks 2^stage apart.
            whole = whole and rows % 2 == 0 and shape[0] % (2 ** stages[0] * (rows // 2)) == 0
        return whole and (self.rescale is None or self.rescale.numel() == shape[0])

    def change(self, weight: Tensor) -> Tensor:
        """rescale * R W - W."""
        turns = self.turns(self.blocks.float())
        if turns.dim() == 3:
            parts = weight.reshape(*turns.shape[:2], *weight.shape[1:])
            turned = torch.einsum("knm,kn...->km...", turns, parts).flatten(0, 1)
        else:
            turned = weight
            for stage, turn in enumerate(turns):
                turned = _butterfly(turned, turn, 2**stage * (turn.shape[-1] // 2))
        if self.rescale is not None:
            turned = turned * self.rescale.float().view(-1, *[1] * (weight.dim() - 1))
        return turned - weight


def _butterfly(weight: Tensor, turn: Tensor, apart: int) -> Tensor:
    """One stage: the rows are dealt out so that those `apart` from each other meet in one block, turned, put back."""
    rest = weight.shape[1:]
    dealt = weight.reshape(-1, 2, apart, *rest).transpose(1, 2)
    turned = torch.einsum("bij,bj...->bi...", turn, dealt.reshape(*turn.shape[:2], *rest))
    return turned.reshape(-1, apart, 2, *rest).transpose(1, 2).reshape(weight.shape)


@dataclass(frozen=True, eq=False)
class Channels:
    """(IA)^3 (Liu et al. 2022): W times `gain`, one value for each output, or for each input (`axis` 1)."""

    gain: Tensor
    axis: int

    def fits(self, shape: Shape) -> bool:
        """Whether there is one value for each channel."""
        return self.axis < len(shape) and self.gain.numel() == shape[self.axis]

    def change(self, weight: Tensor) -> Tensor:
        """gain * W."""
        shape = [1] * weight.dim()
        shape[self.axis] = -1
        return weight * self.gain.float().view(shape)


@dataclass(frozen=True, eq=False)
class Magnitude:
    """DoRA (Liu et al. 2024) around another delta: the direction of W + delta at a length of its own.

    `length` has one value for each output, or (LyCORIS before 3.0) one for each input as 1 I 1...
    """

    direction: Delta
    length: Tensor

    def fits(self, shape: Shape) -> bool:
        """Whether the direction fits and there is a length for each output or each input."""
        return self.direction.fits(shape) and self._axis(shape) is not None

    def change(self, weight: Tensor) -> Tensor:
        """length * V / |V| - W with V = W + delta."""
        moved = weight + self.direction.change(weight)
        axis = self._axis(weight.shape)
        over = [n for n in range(weight.dim()) if n != axis]
        norm = moved.square().sum(over, keepdim=True).sqrt().clamp_min(torch.finfo(torch.float32).eps)
        return moved * (self.length.float().reshape(norm.shape) / norm) - weight

    def _axis(self, shape: Shape) -> int | None:
        outputs, inputs = shape[:1], shape[1:2]
        by_input = tuple(self.length.shape[:2]) == (1, *inputs) and outputs != (1,)
        if by_input:
            return 1 if (self.length.numel(),) == inputs else None
        return 0 if (self.length.numel(),) == outputs else None
