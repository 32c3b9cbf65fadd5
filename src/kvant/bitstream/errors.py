"""What can be wrong with a `.kvt` stream. Each message says what, where, and what to do."""

from kvant.errors import BitstreamError, ModelError


class NotKvt(BitstreamError):
    """The source does not begin with the magic bytes of a `.kvt` stream."""


class UnsupportedVersion(BitstreamError):
    """A sound stream that needs a newer reader: another major version, a packing or a block this one does not know."""


class InvalidHeader(BitstreamError):
    """A HEADER whose checksums hold but whose fields are outside their caps or contradict each other."""


class Damaged(BitstreamError):
    """Bytes that were changed, lost, repeated or moved: a checksum, a frame number or a length does not fit."""


class Truncated(Damaged):
    """The source ended before the END block."""


class MixedDepth(BitstreamError):
    """A raw stream that changes its number of codebooks on the way, so that its codes are not one array."""


class UnknownTables(BitstreamError, ModelError):
    """A sound stream whose codes need an entropy model that is not at hand."""

    exit_code = ModelError.exit_code
