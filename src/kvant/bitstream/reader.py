"""A stream to codes: block by block as the bytes come in, whole and checked, past any damage (FORMAT.md, section 7)."""

from collections.abc import Iterator

from kvant.bitstream.audio_block import AudioBlock
from kvant.bitstream.block import Block, Damage
from kvant.bitstream.block_codes import unpack_block
from kvant.bitstream.container import IGNORABLE, BlockType, RawBlock, Source
from kvant.bitstream.end import CodesHash, End, codes_hash
from kvant.bitstream.entropy_models import AdaptiveCounts, EntropyModel
from kvant.bitstream.errors import Damaged, InvalidHeader, Truncated, UnknownTables, UnsupportedVersion
from kvant.bitstream.header import Header
from kvant.bitstream.header_values import NO_TABLES, Packing
from kvant.bitstream.scanner import Scanner


class Reader:
    """Iterate to get every whole `Block` of `source`, in order, once.

    The magic and `header` are read at once, or raise; nothing beyond a block is read before that block is yielded.
    Where the header names an entropy model, `use` it first: without it, blocks that are coded come with unknown codes.
    `damage` lists what was skipped; with `strict` the first damage raises `Damaged` instead. After the iteration `end`
    holds the totals, None if the stream was cut; `hash_ok` tells whether the codes are those that were written, None
    if that is unknown.
    """

    def __init__(self, source: Source, strict: bool = False) -> None:
        self.damage: list[Damage] = []
        self.end: End | None = None
        self.hash_ok: bool | None = None
        self._source = source
        self._strict = strict
        self._scanner = Scanner(source)
        self.header_block = self._scanner.header_block()  # with extensions that `header` does not know
        self.header = Header.from_bytes(self.header_block.payload)
        adaptive = self.header.packing == Packing.CODED and self.header.table_digest == NO_TABLES
        self._model: EntropyModel | None = AdaptiveCounts(self.header.level_sizes) if adaptive else None
        self._due = 0  # number of the next frame
        self._first = 0  # blocks that end before this frame are not yielded
        self._hash: CodesHash | None = codes_hash(self.header)
        self._excused = False  # whether the last damage may explain that the next frames are missing

    def use(self, model: EntropyModel | None) -> None:
        """The entropy model to decode with; one is ignored where the header asks for none.

        `UnknownTables`: there is none, or it is another than the header names.
        """
        if self.header.packing == Packing.RAW or self.header.table_digest == NO_TABLES:
            return
        wanted = self.header.table_digest.hex()[:16]
        if model is None:
            raise UnknownTables(f"the stream is coded by entropy model {wanted}, which is not here; give its folder")
        if model.digest != self.header.table_digest:
            found = model.digest.hex()[:16]
            raise UnknownTables(f"the stream is coded by entropy model {wanted}, not by {found}; give its own")
        if model.codebook_sizes != self.header.level_sizes:
            raise InvalidHeader("the header names an entropy model of other codebooks; the stream is forged")
        self._model = model

    @property
    def lost_frames(self) -> int:
        """Frames known to be missing so far."""
        return sum(damage.lost_frames for damage in self.damage)

    @property
    def complete(self) -> bool:
        """Whether END was reached and no frame before it is missing."""
        return self.end is not None and self.end.total_frames == self._due and self.lost_frames == 0

    @property
    def num_samples(self) -> int | None:
        """Samples per channel at the source's rate, from END or the header; None if not known (yet)."""
        return self.header.num_samples if self.end is None else self.end.num_samples

    @property
    def bytes_read(self) -> int:
        """Bytes taken from the source so far."""
        return self._scanner.received

    def __iter__(self) -> Iterator[Block]:
        return (block for block in self.blocks() if isinstance(block, Block))

    def blocks(self) -> Iterator[Block | RawBlock]:
        """Every whole block before END: AUDIO as a checked `Block`, those that may be ignored as they are."""
        while self.end is None:
            offset = self._scanner.offset
            try:
                raw = self._scanner.next_block()
                if raw is None:
                    break
                offset = raw.offset
                block = self._checked(raw)
            except Damaged as error:
                self._report(offset, error)
                self._excused = True
                continue
            match block:
                case End():
                    self._finish(block, offset)
                case Block(audio):
                    self._expect(audio.start, offset)
                    self._pass(block)
                    if self._due > self._first:
                        yield block
                case RawBlock():
                    yield block
        if self.end is None and not self._excused:
            self._report(self._scanner.offset, Truncated("the stream ends without an END block"))

    def continue_at(self, offset: int, due: int, first: int) -> None:
        """Go on at byte `offset`, where frame `due` is next, and yield from the block that contains frame `first`.

        The source has been moved there. The hash of all codes can no longer be checked.
        """
        self._scanner = Scanner(self._source, offset)
        self._due, self._first, self._hash = due, first, None

    def check_nothing_follows(self) -> None:
        """Report as damage what comes after END; waits for one more byte of the source."""
        offset = self._scanner.offset
        if self._scanner.take(1):
            self._report(offset, Damaged("more bytes follow the END block"))

    def _checked(self, raw: RawBlock) -> Block | End | RawBlock:
        match raw.type:
            case BlockType.AUDIO:
                if raw.seq < self._due:
                    raise Damaged(f"AUDIO block of frame {raw.seq} comes again or too late")
                audio = AudioBlock.from_raw(self.header, raw)
                unknown = audio.coded and self._model is None
                return Block(audio, None if unknown else unpack_block(self.header, audio, self._model))
            case BlockType.END:
                return End.from_payload(self.header, raw.payload)
            case BlockType.HEADER:
                raise Damaged("a second HEADER: another stream begins inside this one")
            case BlockType.TABLES | BlockType.META | BlockType.INDEX:
                return raw
        if raw.type & IGNORABLE:
            return raw
        raise UnsupportedVersion(f"block of unknown type {raw.type} at byte {raw.offset}; update kvant to read on")

    def _expect(self, frame: int, offset: int) -> None:
        """Record the frames that are missing before `frame`, which comes next."""
        missing = frame - self._due
        if missing and self._excused:
            self.damage[-1] = self.damage[-1]._replace(lost_frames=missing)
        elif missing:
            self._report(offset, Damaged(f"frames {self._due} to {frame - 1} are missing"), missing)
        self._due = frame

    def _pass(self, block: Block) -> None:
        self._excused = False
        self._due += self.header.spanned(block.audio.num_frames)
        if block.known is None:
            self._hash = None
        if self._hash:
            self._hash.update(block.codes, block.audio.gain_bytes)

    def _finish(self, end: End, offset: int) -> None:
        self.end = end
        if self._hash:
            self.hash_ok = self._hash.digest() == end.codes_digest
        if end.total_frames < self._due:
            self._report(offset, Damaged(f"END counts {end.total_frames} frames, {self._due} were read"))
            return
        self._expect(end.total_frames, offset)
        if self.hash_ok is False and self.lost_frames == 0:
            self._report(offset, Damaged("the codes are not those that END was written for"))
        announced = self.header.num_samples
        if announced is not None and (end.num_samples is None or end.num_samples > announced):
            self._report(offset, Damaged(f"END says {end.num_samples} samples, HEADER {announced}"))

    def _report(self, offset: int, error: Damaged, lost_frames: int = 0) -> None:
        if self._strict:
            raise type(error)(
                f"at byte {offset}, frame {self._due}: {error}; "
                "fetch the stream again; `kvant decode`, and a Reader that is not strict, take every whole block of it"
            ) from error
        self.damage.append(Damage(offset, str(error), self._due, lost_frames))
