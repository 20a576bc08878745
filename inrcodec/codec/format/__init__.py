"""Bytes <-> records: framing, header and container of a file. Nothing here knows pixels."""
