"""Pictures that the tests of hints share, and the published formulas that some of them are compared with."""

import cv2
import numpy as np
from hypothesis import strategies as st
from PIL import Image


def noise(width=40, height=32, seed=0):
    """Any colours."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def photo(width=96, height=80):
    """Something like a picture: a dark disc and a bright bar on a slope of colour, with a little grain."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    colours = np.stack([x * 255 / width, y * 255 / height, 0 * x + 128], axis=2)
    colours[(x - width / 3) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2] = (40, 10, 20)
    colours[:, int(width * 0.7) : int(width * 0.8)] = (250, 240, 235)
    grain = np.random.default_rng(1).normal(0, 2, colours.shape)
    return Image.fromarray((colours + grain).clip(0, 255).astype(np.uint8))


def even(width=40, height=32, colour=(200, 40, 90)):
    """One colour."""
    return Image.new("RGB", (width, height), colour)


def grey_of(image):
    """The levels of a picture that is grey. Checks that it is."""
    levels = np.asarray(image)
    assert np.array_equal(levels[..., 0], levels[..., 1])
    assert np.array_equal(levels[..., 0], levels[..., 2])
    return levels[..., 0]


def any_pictures():
    """Pictures of any size from 8 x 8 on: of any colours, or of one."""
    sides = st.integers(8, 70)
    made = st.builds(noise, sides, sides, st.integers(0, 9))
    return made | st.builds(even, sides, sides, st.tuples(*[st.integers(0, 255)] * 3))


def xdog(levels, threshold):
    """The published scribble annotator (thresholded difference of Gaussians), without its overflow of 8 bits."""
    values = levels.astype(np.float32)
    apart = cv2.GaussianBlur(values, (0, 0), 5.0) - cv2.GaussianBlur(values, (0, 0), 0.5)
    dog = (255 - apart.min(axis=2)).clip(0, 255).astype(np.uint8)
    return np.where(2 * (255 - dog.astype(int)) > threshold, 255, 0)


def standard_lineart(levels, sigma, floor):
    """The published line art without a network."""
    values = levels.astype(np.float32)
    dark = (cv2.GaussianBlur(values, (0, 0), sigma) - values).min(axis=2).clip(0, 255)
    return (dark / max(16, np.median(dark[dark > floor])) * 127).clip(0, 255).astype(np.uint8)


def content_shuffle(levels, cell, seed):
    """The published shuffle, its global generator replaced by one with a seed."""
    height, width, _ = levels.shape
    draw = np.random.RandomState(seed)

    def disk():
        noise = draw.uniform(low=0, high=1, size=(height // cell + 2, width // cell + 2, 1))
        noise = cv2.resize(noise, (width + 2 * cell, height + 2 * cell), interpolation=cv2.INTER_CUBIC)
        noise = noise[cell : cell + height, cell : cell + width]
        noise -= noise.min()
        return noise / noise.max()

    flow = np.stack([disk() * (width - 1), disk() * (height - 1)], axis=2).astype(np.float32)
    return cv2.remap(levels, flow, None, cv2.INTER_LINEAR)


def midas_normals(depth, background, flatness):
    """The published normals from depth `H W`."""
    x = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3)
    y = cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3)
    share = (depth - depth.min()) / (depth.max() - depth.min())
    x[share < background], y[share < background] = 0, 0
    vectors = np.stack([x, y, np.ones_like(x) * flatness], axis=2)
    vectors /= (vectors**2).sum(axis=2, keepdims=True) ** 0.5
    return (vectors * 127.5 + 127.5).clip(0, 255).astype(np.uint8)
