"""Measures models on held-out material: fidelity, binding, recognition, memorisation."""
