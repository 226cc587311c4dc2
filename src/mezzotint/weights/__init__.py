"""Names and bytes of tensors in files, and the tables that translate them. Knows no module class."""
