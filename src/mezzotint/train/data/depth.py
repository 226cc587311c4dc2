"""How near everything in a composed picture is: a plane of depth beside the picture, from the same scene.

Takes a `Sample`. Gives `H W` float32 in 0..1, near is large, as MiDaS and the published ControlNets for depth have it.
The sprites are flat drawings, so this is a convention and no measurement: the ground is farthest; every thing stands
before it by the same `STEP`; and it is rounded like a balloon of its own outline, so that what is wide is thick and
what is thin is flat. Colours and shading play no part. Knows no network.
"""

import numpy as np
from numpy.typing import NDArray

from mezzotint.train.data.compose import Sample, picture_of

Plane = NDArray[np.float32]

STEP = 0.4
"""How far the rim of a thing stands before the ground."""
SOLID = 128
"""The alpha from which a pixel belongs to a thing."""
CLOSE_ENOUGH = 1e-3
"""Where the solver stops: the residual as a part of what it began with."""


def depth_of(sample: Sample) -> Plane:
    """The depth of a sample, of the size of its picture: 0 the ground, `STEP` the rims of things, and up to 1 the
    middle of a ball that fills the picture. What lies on top hides what is under it, as in the picture."""
    size = sample.image.shape[0]
    canvas = np.zeros(sample.image.shape[:2], np.float32)
    reliefs: dict[tuple[int, int], tuple[Plane, Plane]] = {}
    for thing, (left, top, right, bottom) in zip(sample.things, sample.boxes, strict=True):
        key = id(thing), right - left
        if key not in reliefs:
            alpha = np.array(picture_of(thing, right - left).getchannel("A"))
            near = STEP + (1 - STEP) * thickness(alpha >= SOLID) * (2 / size)
            reliefs[key] = near.astype(np.float32), (alpha / 255).astype(np.float32)
        near, cover = reliefs[key]
        part = canvas[top:bottom, left:right]
        part += cover * (near - part)
    return canvas


def thickness(shape: NDArray[np.bool_]) -> Plane:
    """The outline `H W` blown up like a balloon: half its thickness in pixels, 0 outside. A disc becomes half a ball.

    The root of four times the solution u of Poisson's equation, -laplacian(u) = 1 inside and u = 0 outside: for a disc
    of radius r that is sqrt(r^2 - x^2 - y^2). Solved by conjugate gradients on the grid of the pixels.
    """
    inside = np.pad(shape, 1).astype(np.float64)
    found = np.zeros_like(inside)
    residual = inside.copy()
    direction = residual.copy()
    square = float((residual * residual).sum())
    enough = square * CLOSE_ENOUGH**2
    while square > enough:
        bent = _bent(direction) * inside
        along = square / float((direction * bent).sum())
        found += along * direction
        residual -= along * bent
        before, square = square, float((residual * residual).sum())
        direction = residual + square / before * direction
    return np.sqrt(np.maximum(found, 0) * 4)[1:-1, 1:-1].astype(np.float32)


def _bent(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus the laplacian of `u`, whose rim is 0 and stays so."""
    made = np.zeros_like(u)
    middle = u[1:-1, 1:-1]
    made[1:-1, 1:-1] = 4 * middle - u[:-2, 1:-1] - u[2:, 1:-1] - u[1:-1, :-2] - u[1:-1, 2:]
    return made
