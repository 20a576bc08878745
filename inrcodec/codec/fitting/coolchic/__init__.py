"""Fitting latent grids and their networks to an image."""
