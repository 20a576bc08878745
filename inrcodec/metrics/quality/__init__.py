"""Image quality metrics, one file a metric, and what they share."""
