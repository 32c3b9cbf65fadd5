"""What counts as a wav: one rule for the arrays, sample rates and channels that a user hands in."""

import operator

import numpy as np

from kvant.errors import AudioError

MAX_CHANNELS = 64
MAX_SAMPLE_RATE = 768_000

# value of full scale, value of silence
_INTEGER_SCALES = {"uint8": (128, 128), "int16": (2**15, 0), "int32": (2**31, 0)}


def validate(wav: np.ndarray, sample_rate: int | None = None) -> np.ndarray:
    """`wav` as float32 [C, N], C-contiguous, every sample finite; shares memory with the input where it can.

    wav: [N] (mono) or [C, N], N >= 0, of any float type in any memory order, nominal range [-1, 1]; or uint8, int16,
    int32, which are scaled to that range (24-bit samples come in int32, in its upper bits). Larger floats pass as they
    are: `clip` cuts them to [-1, 1] when they are encoded. sample_rate: Hz, checked if given.
    AudioError: any other type or shape, 0 or more than 64 channels, NaN or infinite samples, an impossible rate.
    """
    if sample_rate is not None:
        check_sample_rate(sample_rate)
    if not isinstance(wav, np.ndarray):
        raise AudioError(f"wav must be a numpy array [C, N], got {type(wav).__name__}; use numpy.asarray")
    if wav.ndim not in (1, 2):
        raise AudioError(f"wav must have the shape [N] or [C, N], got {list(wav.shape)}; pass one signal at a time")
    wav = np.atleast_2d(wav)
    check_channels(*wav.shape)

    kind = wav.dtype.newbyteorder("=").name
    if wav.dtype.kind == "f":
        check_finite(wav)
        limit = np.finfo(np.float32).max
        wav = wav.clip(-limit, limit) if wav.dtype.itemsize > 4 else wav
    elif kind in _INTEGER_SCALES:
        full_scale, silence = _INTEGER_SCALES[kind]
        wav = (wav.astype(np.float32) - silence) / full_scale
    else:
        raise AudioError(
            f"wav must hold floats, or integers of type uint8, int16 or int32, got {kind}; convert it first"
        )
    return np.ascontiguousarray(wav, dtype=np.float32)


def clip(wav: np.ndarray) -> np.ndarray:
    """`wav` cut to [-1, 1], as the encoder hears it and every integer file format stores it."""
    return np.clip(wav, -1, 1)


def check_sample_rate(sample_rate: int, where: str = "") -> int:
    """`sample_rate` in Hz as a plain int. AudioError, starting with `where`, unless an integer from 1 to 768,000."""
    try:
        if isinstance(sample_rate, bool | np.bool_):
            raise TypeError
        rate = operator.index(sample_rate)
    except TypeError:
        raise AudioError(f"{where}sample_rate must be an integer in Hz, got {sample_rate!r}") from None
    if not 1 <= rate <= MAX_SAMPLE_RATE:
        raise AudioError(f"{where}sample_rate must be between 1 and {MAX_SAMPLE_RATE} Hz, got {rate}")
    return rate


def check_channels(channels: int, num_samples: int | None = None, where: str = "") -> None:
    """AudioError, starting with `where`, unless 1 <= channels <= 64; `num_samples` lets it tell a transposed array."""
    if not 1 <= channels <= MAX_CHANNELS:
        looks_transposed = num_samples is not None and 1 <= num_samples <= MAX_CHANNELS
        hint = f"; the shape [{channels}, {num_samples}] looks like [N, C]: pass wav.T" if looks_transposed else ""
        raise AudioError(f"{where}wav must have 1 to {MAX_CHANNELS} channels, got {channels}{hint}")


def check_finite(wav: np.ndarray, name: str = "wav", offset: int = 0) -> None:
    """AudioError if any sample of `wav` [C, n] is NaN or infinite; `offset` is the position of its first sample."""
    finite = np.isfinite(wav)
    if finite.all():
        return
    sample = int((~finite).any(axis=0).argmax())
    channel = int((~finite[:, sample]).argmax())
    count = int(finite.size - np.count_nonzero(finite))
    raise AudioError(
        f"{name}: {count} samples are NaN or infinite, the first is sample {offset + sample} of channel {channel}; "
        "repair or drop them (numpy.nan_to_num makes them 0)"
    )
