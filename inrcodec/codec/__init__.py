"""The codec: fitting a network to a picture, the file, and decoding."""
