"""Processor time of steps, decoders and metrics."""
