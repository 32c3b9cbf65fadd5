"""A causal codec whose layers hear a mirror at the edges of the signal, as published weights expect."""

from kvant.codecs.completing import CompletingCodec
from kvant.protocols import Quantizer
from kvant.streaming import Causal


class MirroredCodec(CompletingCodec):
    """A codec of `MirroredConv1d`: exactly as published for whole signals, and equal to that when streamed.

    The first block of a stream holds at least `first_frames` hops (and of codes, as many frames): the first outputs
    depend on their mirror, so that is the latency. From there on it goes hop by hop. The last block may end within a
    hop: the encoder itself completes it, by the mirror.
    """

    def __init__(
        self,
        encoder: Causal,
        quantizer: Quantizer,
        decoder: Causal,
        sample_rate: int,
        hop_length: int,
        first_frames: int,
    ) -> None:
        super().__init__(encoder, quantizer, decoder, sample_rate, hop_length, pre_skip=0)
        self.first_frames = first_frames

    @property
    def latency(self) -> float:
        """In samples: of the first `first_frames` hops, which come out at once; later ones wait for their own hop.

        A decoder that looks further ahead than that has more.
        """
        return max(self.first_frames * self.hop_length, super().latency)
