"""Data sets of opinions about images: how well metrics agree with people."""
