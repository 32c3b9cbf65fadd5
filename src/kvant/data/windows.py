"""A stretch of a recording, without reading what lies before it."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile as sf

from kvant.audio.virtual import VirtualFile
from kvant.errors import AudioError


class Window:
    """A recording open for reading stretches of its channels' mean. sample_rate: Hz. num_samples: as declared."""

    def __init__(self, sound: sf.SoundFile, file: VirtualFile) -> None:
        self.sample_rate: int = sound.samplerate
        self.num_samples: int = sound.frames
        self._sound, self._file = sound, file

    def read(self, start: int, count: int) -> np.ndarray:
        """float32 [n], n <= count; fewer at the recording's end. AudioError: damaged there, or NaN samples."""
        with self._file.calling("the data is damaged"):
            self._sound.seek(start)
            wav = self._sound.read(count, dtype="float32", always_2d=True).mean(axis=1)
        if not np.isfinite(wav).all():
            raise AudioError(f"{self._file.label}: has NaN or infinite samples; repair it, or leave it out")
        return wav


@contextlib.contextmanager
def open_window(source: str | os.PathLike[str] | Any, name: str) -> Iterator[Window]:
    """A `Window` on a path or binary file object, called `name` in messages. AudioError: not audio, or no such file."""
    with contextlib.ExitStack() as stack:
        if isinstance(source, str | os.PathLike):
            try:
                source = stack.enter_context(open(source, "rb"))
            except OSError as error:
                raise AudioError(f"{name}: cannot be read ({error.strerror}); check the name") from error
        file = VirtualFile(source, name)
        with file.calling("not audio that can be read, or damaged at its start"):
            sound = stack.enter_context(sf.SoundFile(file))
        yield Window(sound, file)
