"""Rate and distortion of latent grids and of both families."""
