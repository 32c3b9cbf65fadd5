"""Published checkpoints of known codecs, made model files."""
