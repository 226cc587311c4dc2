"""Keeps models: what is in the model folders, and how more get there."""
