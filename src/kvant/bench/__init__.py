"""Our codecs beside the official packages, with the same weights: how fast, how much memory, and whether they agree."""
