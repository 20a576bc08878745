"""Image files, and what callers hold, from and to `Picture`.

`reading` is the way in: `arrays` knows numpy and torch, `opening` image files. Of those,
`png_reading` knows the chunks, `avif` the boxes, `tiff` the layouts, `directories` the tables of
TIFF and EXIF, `modes` the modes of Pillow, `sixteen_bit` the 16-bit colour that Pillow cannot hold.
`metadata`, `exif` and `colour` know the profiles and the orientation. `writing` is the way out,
with `png` and `tiff_writing` for what Pillow does not write. docs/images.md says what an image
becomes.
"""
