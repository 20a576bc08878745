"""All that a decoder of coordinate networks needs."""
