"""Known codecs: a frozen config and a `build` each, in one explicit table."""

from kvant.codecs import frame

CODECS = {"frame": (frame.Config, frame.build)}
"""Architecture name -> (Config, build(config) -> Codec)."""
