"""What TensorBoard shows of a run: curves, recordings to hear, spectrograms to see, codebooks in use."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from kvant.codec import Codec
from kvant.losses.stft import stft
from kvant.quantizers import TrackedCodebook

WINDOW = 1024
RANGE_DB = 90.0


def spectrogram(wav: Tensor) -> Tensor:
    """[1, bins, frames] in [0, 1], high frequencies on top: 90 dB up to the loudest bin of wav [1, N]."""
    decibels = 20 * torch.log10(stft(wav, WINDOW).abs().clamp(min=1e-7))
    return ((decibels - decibels.max()) / RANGE_DB + 1).clamp(0, 1).flip(1)


class Board:
    """A SummaryWriter that knows codecs. What is shown is on the disk at once: a run may be killed.

    first: the step training resumes at; what was shown beyond it, and will be again, is dropped.
    """

    def __init__(self, folder: Path, first: int) -> None:
        self.writer = SummaryWriter(str(folder), purge_step=first + 1)
        self.recording_shown = False

    def curves(self, group: str, values: Mapping[str, float], step: int) -> None:
        """Each value as `group/name`."""
        for name, value in values.items():
            self.writer.add_scalar(f"{group}/{name}", value, step)
        self.writer.flush()

    @torch.no_grad()
    def listen(self, codec: Codec, wav: Tensor, depths: Sequence[int], step: int) -> None:
        """wav [B, 1, N] as it is (once) and from each number of levels, to hear and to see; usage of the codebooks."""
        shown = {} if self.recording_shown else {"recording": wav}
        self.recording_shown = True
        shown |= {f"{depth}_levels": codec(wav, depth).wav for depth in depths}
        for name, sounds in shown.items():
            row = torch.cat(list(sounds.clamp(-1, 1)), dim=-1)
            self.writer.add_audio(f"audio/{name}", row, step, codec.sample_rate)
            self.writer.add_image(f"spectrogram/{name}", spectrogram(row), step)
        for level, codebook in enumerate(m for m in codec.modules() if isinstance(m, TrackedCodebook)):
            self.writer.add_histogram(f"usage/level_{level}", codebook.usage, step)
        self.writer.flush()

    def close(self) -> None:
        """Flush and end."""
        self.writer.close()
