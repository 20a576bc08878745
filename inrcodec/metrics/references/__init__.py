"""Reference codecs: JPEG, JPEG 2000, WebP, AVIF and JPEG XL at fixed settings."""
