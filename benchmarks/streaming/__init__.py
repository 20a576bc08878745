"""Streaming: packet loss, real peers, load."""
