"""The codec: fitting a network to an image, the file, and decoding."""
