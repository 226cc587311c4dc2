"""Turns a recipe into a picture: the only place that knows devices, threads and memory."""
