"""Robustness of a file to damaged weights, symbols and packets."""
