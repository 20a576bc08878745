"""Streaming over lossy links: layers of a file as packets that survive loss, and WebRTC.

layers.py     a file -> layers, each of which makes the picture better
packets.py    messages <-> datagrams of at most 1160 bytes
fec.py        repair symbols, and how many a layer needs
channel.py    loss, delay and rate of a simulated link
session.py    sender and receiver as state machines without I/O
simulate.py   a session over a simulated link, and progressive JPEG over the same
signaling.py, server.py, client.py   the asyncio shells: WHEP-style HTTP and data channels
"""
