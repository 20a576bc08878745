"""Integers <-> bits, exactly on every machine: priors of parameters, the context model."""
