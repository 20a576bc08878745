"""Coordinate networks: rate, quality, initialisations, damage."""
