"""Builds the training pictures from open emoji packages, and composes captioned samples from them."""
