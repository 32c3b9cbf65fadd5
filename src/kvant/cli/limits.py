"""`--variable`: the limit on the error of frames, of each file its own where that can be heard twice."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kvant.audio import AudioSource, open_audio
from kvant.cli.failures import complain
from kvant.cli.paths import Job
from kvant.cli.progress import Progress
from kvant.runtime import Codec
from kvant.runtime.files import BLOCK_SECONDS
from kvant.runtime.packing import Packed
from kvant.runtime.rate_search import Recording, find_limit


@dataclass(frozen=True)
class Limits:
    """Brings `bitrate` bit/s per channel, of `codec` with such a beam, in streams packed so."""

    codec: Codec
    bitrate: float
    beam: int
    packing: Packed
    live: bool

    def __call__(self, job: Job, progress: Progress) -> float:
        """The limit for a job's file; for standard input, a pipe and what is live that of the model's table.

        Says so if the file has no use for as much. UsageError, ModelError: as for `find_limit` and `limit_for`.
        """
        if self.live or not os.path.isfile(job.source):
            return self.codec.limit(self.bitrate)
        with open_audio(job.source) as audio:
            progress.begin(f"{job.source_name}, heard first", audio.num_samples)
            recording = Recording(_blocks(audio, progress), audio.sample_rate, audio.channels)
            found = find_limit(recording, self.codec, self.bitrate, self.beam, self.packing)
        if found.exhausted:
            got, asked = found.bitrate / 1000, self.bitrate / 1000
            complain("note", f"{job.source_name}: {got:.2f} kbit/s, not {asked:g}; more codebooks have no use here")
        return found.limit


def _blocks(audio: AudioSource, progress: Progress) -> Iterator[np.ndarray]:
    done = 0
    for block in audio.blocks(BLOCK_SECONDS * audio.sample_rate):
        yield block
        done += block.shape[1]
        progress(done)
