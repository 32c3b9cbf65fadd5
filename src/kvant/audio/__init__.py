"""Audio in and out: read, write, resample, and the rule for what a wav is."""

from kvant.audio.reading import AudioSource, open_audio, read
from kvant.audio.resampling import Resampler, output_length, resample
from kvant.audio.validation import check_sample_rate, clip, validate
from kvant.audio.writing import AudioSink, create_audio, write

__all__ = [
    "AudioSink",
    "AudioSource",
    "Resampler",
    "check_sample_rate",
    "clip",
    "create_audio",
    "open_audio",
    "output_length",
    "read",
    "resample",
    "validate",
    "write",
]
