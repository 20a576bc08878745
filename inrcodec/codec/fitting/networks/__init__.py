"""Fitting coordinate networks to an image."""
