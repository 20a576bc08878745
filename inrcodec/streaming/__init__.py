"""Streaming over lossy links (to come)."""
