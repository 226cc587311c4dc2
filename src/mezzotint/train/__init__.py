"""Datasets and trainers: how the embedded model was made, and how to make another."""
