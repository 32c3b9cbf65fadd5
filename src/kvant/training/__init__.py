"""Training: closed-form start, loop, checkpoints, codebook health."""
