"""Fields inside a payload: a cursor that cannot leave it, and varints (FORMAT.md, section 1)."""

from kvant.bitstream.errors import Damaged

VARINT_BYTES = 3  # 21 bits: every count of the format fits


def varint(value: int) -> bytes:
    """`value` (0 to 2^21 - 1) in LEB128: 7 bits a byte, lowest first, bit 7 set on all but the last."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Cursor:
    """Reads `payload` front to back; a field that would reach past its end raises `Damaged`."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._position = 0

    @property
    def remaining(self) -> int:
        """Bytes not read yet."""
        return len(self._payload) - self._position

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self.remaining:
            raise Damaged(f"payload of {len(self._payload)} bytes ends inside a field at its byte {self._position}")
        self._position += count
        return self._payload[self._position - count : self._position]

    def byte(self) -> int:
        """The next u8."""
        return self.take(1)[0]

    def varint(self) -> int:
        """The next varint, which must be written in the fewest bytes: one value has one spelling."""
        value = 0
        for index in range(VARINT_BYTES):
            byte = self.byte()
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                if byte == 0 and index > 0:
                    break
                return value
        raise Damaged(f"varint before byte {self._position} of the payload is not in its shortest form")
