"""Signals that are no images: sound and clips, and WAV files."""
