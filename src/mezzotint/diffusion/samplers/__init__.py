"""Ways to walk a plan from noise to a clean latent. Knows no network, prompt or device."""
