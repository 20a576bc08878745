"""A simulated link, and sessions over it: no socket, and a clock that is a number."""
