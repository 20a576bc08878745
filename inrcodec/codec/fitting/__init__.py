"""What an encoder adds to a decoder. Nothing below imports it but `encode`."""
