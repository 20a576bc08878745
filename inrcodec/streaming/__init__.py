"""Streaming over lossy links: layers of a file as packets that survive loss, and WebRTC.

layers.py     a file -> layers, each of which makes the picture better
stream.py     layers cut into symbols, ready for any number of receivers
messages.py   what sender and receiver tell each other
packets.py    messages <-> datagrams of at most 1160 bytes
fec.py        repair symbols, and how many a layer needs
channel.py    loss, delay and rate of a simulated link
sender.py, receiver.py   both ends as state machines without I/O
simulate.py   a session over a simulated link, and progressive JPEG over the same
library.py    files by name, read and cut once
signaling.py  offers, tokens, links: who may ask for what
peers.py      WebRTC as both sides use it, and its seams
server.py     the asyncio shell that serves: sessions.py (one receiver), ranges.py (HTTP)
client.py     the one that receives: receive_options.py, reception.py (connections),
              datachannels.py (one WebRTC session), http_reception.py
"""
