"""Metrics, reference codecs and reports (to come)."""
