"""All that a decoder of latent grids needs. Nothing here imports torch."""
