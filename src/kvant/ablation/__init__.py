"""The ablation bench: data, backbone and budget held fixed, quantizers and their parts swapped, everything measured."""
