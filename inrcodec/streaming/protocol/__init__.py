"""The protocol: what sender and receiver say, as state machines without socket, clock or codec."""
