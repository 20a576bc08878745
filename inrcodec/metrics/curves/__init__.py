"""Rate-distortion curves: measured rows, and Bjøntegaard deltas between curves."""
