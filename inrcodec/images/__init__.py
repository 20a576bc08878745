"""Image files, and what callers hold, from and to `Picture`.

`reading` is the way in: `arrays` knows numpy and torch, `modes` the modes of Pillow, `sixteen_bit`
the 16-bit colour that Pillow cannot hold, `metadata` the profiles and the orientation. `writing` is
the way out, with `png` for what Pillow does not write. docs/images.md says what an image becomes.
"""
