"""Training data: memory-mapped corpora and deterministic sampling."""

from kvant.data.segments import Batch, Segments

__all__ = ["Batch", "Segments"]
