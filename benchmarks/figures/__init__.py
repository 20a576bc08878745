"""Pictures of README and docs that show no results."""
