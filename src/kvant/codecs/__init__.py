"""Known codecs: a frozen config and a `build` each, in one explicit table."""

from collections.abc import Callable
from typing import Any

from kvant.codec import Codec
from kvant.codecs import (
    ablation,
    bigcodec,
    dac,
    encodec,
    encodec_music,
    encodec_stereo,
    frame,
    mimi,
    snac,
    soundstream,
    speechtokenizer,
    vocos,
    wavtokenizer,
)
from kvant.codecs.segmented import SegmentedCodec

CODECS: dict[str, tuple[type, Callable[[Any], Codec]]] = {
    "frame": (frame.Config, frame.build),
    "ablation": (ablation.Config, ablation.build),
    "bigcodec": (bigcodec.Config, bigcodec.build),
    "dac": (dac.Config, dac.build),
    "encodec": (encodec.Config, encodec.build),
    "encodec-music": (encodec_music.Config, encodec_music.build),
    "mimi": (mimi.Config, mimi.build),
    "snac": (snac.Config, snac.build),
    "soundstream": (soundstream.Config, soundstream.build),
    "speechtokenizer": (speechtokenizer.Config, speechtokenizer.build),
    "vocos": (vocos.Config, vocos.build),
    "wavtokenizer": (wavtokenizer.Config, wavtokenizer.build),
}
"""Architecture name -> (Config, build(config) -> Codec)."""

SEGMENTED: dict[str, tuple[type, Callable[[Any], SegmentedCodec]]] = {
    "encodec-stereo": (encodec_stereo.Config, encodec_stereo.build),
}
"""The same of those that code in segments, and are no `Codec`."""
