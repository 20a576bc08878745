"""The quality metrics themselves, and reference codecs judged by them."""
