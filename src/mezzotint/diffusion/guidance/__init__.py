"""Ways to make one clean latent from the K answers of a predictor. Knows no network and no prompt."""
