"""The mathematics of sampling and of the training loss. Knows no network and no prompt."""
