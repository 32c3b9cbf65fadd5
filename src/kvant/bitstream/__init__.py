"""The `.kvt` bitstream, version 1: codes to bytes and back, with numpy alone. The specification is FORMAT.md."""

from kvant.bitstream.end import End
from kvant.bitstream.errors import Damaged, InvalidHeader, MixedDepth, NotKvt, Truncated, UnsupportedVersion
from kvant.bitstream.header import Header, Layout
from kvant.bitstream.inspection import Info, Report, info, verify
from kvant.bitstream.reader import Block, Damage, Reader, read_codes
from kvant.bitstream.seeking import seek
from kvant.bitstream.truncation import truncate
from kvant.bitstream.writer import Writer

__all__ = [
    "Block",
    "Damage",
    "Damaged",
    "End",
    "Header",
    "Info",
    "InvalidHeader",
    "Layout",
    "MixedDepth",
    "NotKvt",
    "Reader",
    "Report",
    "Truncated",
    "UnsupportedVersion",
    "Writer",
    "info",
    "read_codes",
    "seek",
    "truncate",
    "verify",
]
