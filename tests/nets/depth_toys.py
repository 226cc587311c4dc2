"""Small depth networks for tests: every block of the published one at widths that take no time."""

from mezzotint.nets.depth import DepthGeometry

TOY = DepthGeometry(
    side=64,
    stem=16,
    stages=(32, 64, 96),
    blocks=(1, 2, 1),
    groups=4,
    width=32,
    layers=3,
    heads=4,
    hidden=48,
    taps=(1, 2),
    fusion=16,
    head=32,
)
