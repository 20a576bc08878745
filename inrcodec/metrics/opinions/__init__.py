"""Data sets of opinion scores: how well metrics agree with people."""
