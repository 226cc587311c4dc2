"""Plain data that every layer shares: recipes, events, errors, metadata. Knows no torch."""
