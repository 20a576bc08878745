"""Fits of several images of one size as one: their networks and latents are stacked, and a step is
one launch a layer for all. In plain torch, so that it runs on any device.

- `noise`: rounding to learn through, as the compiled kernels do it;
- `networks`: the parameters of all images in few tensors;
- `forward`: bits and colours of all images;
- `optimizer`: SOAP and Adam on the networks, RMSprop on the latents;
- `fit`: the steps.
"""
