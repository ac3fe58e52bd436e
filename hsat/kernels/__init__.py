"""Numba kernels: arrays and scalars in, arrays or counts out; nothing else from hsat."""
