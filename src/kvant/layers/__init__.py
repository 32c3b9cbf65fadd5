"""What papers share: causal convolutions, ConvNeXt blocks, lapped and Fourier transforms, the KLT, compression."""
