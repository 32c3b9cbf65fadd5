"""The `.kvt` bitstream, version 1: codes to bytes and back, with numpy alone. The specification is FORMAT.md."""

from kvant.bitstream.block import Block, Damage
from kvant.bitstream.depths import ABSENT
from kvant.bitstream.end import End
from kvant.bitstream.entropy_models import AdaptiveCounts, EntropyModel
from kvant.bitstream.errors import (
    Damaged,
    InvalidHeader,
    MixedDepth,
    NotKvt,
    Truncated,
    UnknownTables,
    UnsupportedVersion,
)
from kvant.bitstream.header import Header
from kvant.bitstream.header_values import Layout, Packing
from kvant.bitstream.inspection import Info, Report, info, verify
from kvant.bitstream.reader import Reader
from kvant.bitstream.seeking import seek
from kvant.bitstream.truncation import truncate
from kvant.bitstream.whole import read_codes
from kvant.bitstream.writer import Writer

__all__ = [
    "ABSENT",
    "AdaptiveCounts",
    "Block",
    "Damage",
    "Damaged",
    "End",
    "EntropyModel",
    "Header",
    "Info",
    "InvalidHeader",
    "Layout",
    "MixedDepth",
    "NotKvt",
    "Packing",
    "Reader",
    "Report",
    "Truncated",
    "UnknownTables",
    "UnsupportedVersion",
    "Writer",
    "info",
    "read_codes",
    "seek",
    "truncate",
    "verify",
]
