"""Scripts that made the weights and constants in the package; run by hand, never by tests."""
