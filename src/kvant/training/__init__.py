"""Training: closed-form start, loop, checkpoints, diagnosis."""
