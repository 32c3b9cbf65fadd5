"""What the fields of a HEADER may hold."""

from enum import IntEnum
from numbers import Integral

from kvant.errors import UsageError

UNKNOWN_SAMPLES = 2**64 - 1
DIGEST_BYTES = 32
NO_TABLES = bytes(DIGEST_BYTES)

RANGES = {
    "codec_rate": (1_000, 768_000),
    "source_rate": (1_000, 768_000),
    "channels": (1, 64),
    "hop_length": (1, 2**20),
    "pre_skip": (0, 2**32 - 1),
    "reset_interval": (0, 2**32 - 1),
    "segment_stride": (0, 2**32 - 1),
}


class Layout(IntEnum):
    """How the channels of the audio share the slots of a frame."""

    NATIVE = 0
    """The model's own channels; of a mono model, mono."""
    STREAMS = 1
    """`channels` independent streams of a mono model: slot = level * channels + channel, so that dropping trailing
    slots lowers the rate of all channels."""


class Packing(IntEnum):
    """How codes become bytes."""

    RAW = 0
    """Codes of fixed width, all frames of a block of one depth."""
    CODED = 1
    """Frames may have a depth of their own, and what a block holds may be range coded."""


def check_range(name: str, value: int, lowest: int, highest: int) -> None:
    """UsageError unless `value` is an integer from `lowest` to `highest`."""
    if not isinstance(value, Integral) or not lowest <= value <= highest:
        raise UsageError(f"{name} is {value!r}, must be an integer from {lowest} to {highest}")


def check_model_id(model_id: str) -> None:
    """UsageError unless it can be printed and fits."""
    if not 1 <= len(model_id.encode()) <= 128 or any(c < " " or "\x7f" <= c <= "\x9f" for c in model_id):
        raise UsageError(f"model_id {model_id!r} must be 1 to 128 bytes of UTF-8 without control characters")


def check_segments(length: int, stride: int) -> None:
    """UsageError unless segments of `length` samples every `stride` leave no gap, and none reaches the next but one."""
    if not stride <= length <= 2 * stride:
        raise UsageError(f"segments of {length} samples every {stride} must overlap by none to all of a stride")


def check_digests(*digests: bytes) -> None:
    """UsageError unless all are 32 bytes."""
    if any(len(digest) != DIGEST_BYTES for digest in digests):
        raise UsageError(f"a digest must be {DIGEST_BYTES} bytes")


def check_packing(packing: int, table_digest: bytes) -> None:
    """UsageError unless the packing is known, and names no model where none is needed."""
    if packing not in list(Packing):
        raise UsageError(f"packing {packing} is not one of {[int(packing) for packing in Packing]}")
    if packing == Packing.RAW and table_digest != NO_TABLES:
        raise UsageError("raw codes need no entropy model; let packing be CODED, or leave table_digest")
