"""Composites of quantizers: which part each of their codes belongs to, so that any prefix of the codes decodes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kvant.bitstream import ABSENT as ABSENT  # of a slot that was cut off; `encode` never gives it
from kvant.errors import UsageError
from kvant.protocols import LevelledQuantizer, Quantizer


@dataclass(frozen=True)
class Slots:
    """owners: the part of each of K codes, coarse first. The codes of a part keep their order."""

    owners: tuple[int, ...]

    def sizes(self, parts: Sequence[Quantizer]) -> tuple[int, ...]:
        """Codebook sizes of all slots."""
        left = [iter(part.codebook_sizes) for part in parts]
        return tuple(next(left[owner]) for owner in self.owners)

    def share(self, part: int) -> float:
        """Of all codes, the part's: what its losses weigh, so that those of a composite are means over its levels."""
        return self.owners.count(part) / len(self.owners)

    def depth(self, part: int, num_codebooks: int) -> int:
        """How many of the first `num_codebooks` codes are the part's."""
        return self.owners[:num_codebooks].count(part)

    def depths(self, part: int, num_codebooks: Tensor) -> Tensor:
        """The same for each item: int64 [B]."""
        counts = [self.depth(part, k) for k in range(len(self.owners) + 1)]
        return torch.tensor(counts, device=num_codebooks.device)[num_codebooks]

    def join(self, parts: Sequence[Tensor | None]) -> Tensor:
        """Codes [B, k, T] of the parts' codes [B, k_p, T]; None of a part without any."""
        left = [iter(()) if codes is None else iter(codes.unbind(1)) for codes in parts]
        slots = (next(left[owner], None) for owner in self.owners)
        return torch.stack([codes for codes in slots if codes is not None], dim=1)

    def split(self, codes: Tensor) -> list[Tensor]:
        """All codes of each part, [B, K_p, T], of the first k codes [B, k, T]; those past them are ABSENT."""
        whole = padded(codes, len(self.owners))
        parts = range(max(self.owners) + 1)
        places = [[slot for slot, owner in enumerate(self.owners) if owner == part] for part in parts]
        return [whole[:, place] for place in places]


def sequential(parts: Sequence[Quantizer]) -> Slots:
    """All codes of one part, then all of the next."""
    return Slots(tuple(index for index, part in enumerate(parts) for _ in part.codebook_sizes))


def level_major(parts: Sequence[Quantizer]) -> Slots:
    """The first code of every part, then the second of every part that has one, and so on."""
    deepest = max(len(part.codebook_sizes) for part in parts)
    levels = ((level, index) for level in range(deepest) for index in range(len(parts)))
    return Slots(tuple(index for level, index in levels if level < len(parts[index].codebook_sizes)))


def padded(codes: Tensor, num_codebooks: int) -> Tensor:
    """codes [B, k, T] with ABSENT ones up to [B, num_codebooks, T]; exportable with a free k."""
    return F.pad(codes, (0, 0, 0, num_codebooks - codes.shape[1]), value=ABSENT)


def check_codes(codes: Tensor, codebook_sizes: Sequence[int]) -> None:
    """UsageError: codes are not int64 [B, k, T] of 1 to K levels, each from its codebook, or ABSENT where there are
    several.

    What they hold is not looked at while compiling: a graph cannot branch on it.
    """
    levels = len(codebook_sizes)
    if codes.dim() != 3 or not min(levels, 1) <= codes.shape[1] <= levels or codes.is_floating_point():
        raise UsageError(f"codes of shape {list(codes.shape)} and {codes.dtype}: must be int64 [B, 1 to {levels}, T]")
    if torch.compiler.is_compiling():
        return
    sizes = torch.tensor(codebook_sizes[: codes.shape[1]], device=codes.device)[:, None]
    wrong = (codes < (ABSENT if levels > 1 else 0)) | (codes >= sizes)
    if wrong.any():
        _, level, frame = wrong.nonzero()[0].tolist()
        code, last = int(codes[wrong][0]), codebook_sizes[level] - 1
        raise UsageError(f"code {code} of level {level} in frame {frame}: its codebook has 0 to {last}")


def decode_present(part: Quantizer, codes: Tensor) -> Tensor:
    """Latents [B, D, T] of a part's codes [B, K, T], some of them ABSENT: zero where the first is."""
    decoded = part.decode(codes.clamp(min=0) if len(part.codebook_sizes) == 1 else codes)
    return torch.where(codes[:, :1] >= 0, decoded, 0)


def search_part(part: Quantizer, latents: Tensor, num_codebooks: int, beam: int) -> Tensor:
    """Codes [B, num_codebooks, T] by the part's own beam search; a part without levels has no more to find."""
    if beam > 1 and isinstance(part, LevelledQuantizer):
        return part.search(latents, num_codebooks, beam)
    return part.encode(latents, num_codebooks)


def vectors_of(part: Quantizer, latents: Tensor) -> Tensor:
    """[V, D]: what each code of a part with one code decodes to, where `latents` are."""
    codes = torch.arange(part.codebook_sizes[0], device=latents.device)
    return part.decode(codes[:, None, None])[..., 0].detach()
