"""Image files and what callers hold, to and from `Picture`: `reading` and `writing`."""
