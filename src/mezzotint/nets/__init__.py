"""The networks as pure functions of tensors. Knows no noise schedule and no files."""
