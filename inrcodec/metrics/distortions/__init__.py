"""The distortions of KADID-10k, and how metrics respond to them."""
