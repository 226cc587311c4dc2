"""Hints: what is made of a picture for a ControlNet to follow. Knows no network of theirs and no torch."""
