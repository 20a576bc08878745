"""Model families, one short file each: parameters in, colours out."""
