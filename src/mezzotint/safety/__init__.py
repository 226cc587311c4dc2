"""Looks at finished pictures before they are handed out. Knows no prompt and no sampler."""
