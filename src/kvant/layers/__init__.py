"""What papers share: causal convolutions, ConvNeXt blocks, lapped transforms, the KLT, spectral compression."""
