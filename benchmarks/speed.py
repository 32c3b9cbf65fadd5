"""How fast and how large: `kvant encode` and `decode` of a long file, whole and streamed, with 1 and 2 threads.

    python benchmarks/speed.py [--minutes 60]

Prints real-time factors (audio seconds per wall second) and peak memory of a process that does nothing else. The
recording is one of the bundled ones, repeated. Run it on an idle machine.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

import kvant
from kvant.audio import read, resample

ASSETS = Path(kvant.__file__).parent / "assets"
RATE = 24000
STREAMED_SECONDS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        run_child(*arguments.child)
        return
    wav, rate = read(sorted(ASSETS.glob("*.flac"))[0])
    voice = resample(wav, rate, RATE)[0]
    print("| way | threads | encode, x real time | decode, x real time | peak memory, MB |")
    print("|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        source, stream, back = (Path(folder) / name for name in ("long.wav", "long.kvt", "back.wav"))
        seconds = arguments.minutes * 60
        with soundfile.SoundFile(source, "w", RATE, 1, subtype="PCM_16") as sink:
            for _ in range(round(seconds * RATE / len(voice))):
                sink.write(voice)
        seconds = soundfile.info(str(source)).duration
        for threads in (1, 2):
            encode, memory = child("encode", source, stream, threads)
            decode, memory_back = child("decode", stream, back, threads)
            factors = f"{seconds / encode:.0f} | {seconds / decode:.0f}"
            print(f"| whole file, {arguments.minutes:g} min | {threads} | {factors} | {max(memory, memory_back):.0f} |")
    for threads in (1, 2):
        encode, decode = streamed(np.resize(voice, STREAMED_SECONDS * RATE), threads)
        print(f"| single frames | {threads} | {encode:.0f} | {decode:.0f} | |")


def child(verb: str, source: Path, target: Path, threads: int) -> tuple[float, float]:
    """Seconds and peak megabytes of one file in a process of its own."""
    command = [sys.executable, __file__, "--child", verb, str(source), str(target), str(threads)]
    seconds, kilobytes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), float(kilobytes) / 1024


def run_child(verb: str, source: str, target: str, threads: str) -> None:
    """Encode or decode one file; print seconds (model loaded beforehand) and peak kilobytes."""
    from kvant.audio import create_audio, open_audio
    from kvant.bitstream import Reader
    from kvant.runtime.files import decode_file, encode_file

    codec = kvant.load(threads=int(threads))
    codec.decode(codec.encode(np.zeros(RATE, np.float32), RATE))
    started = time.perf_counter()
    if verb == "encode":
        with open_audio(source) as audio, open(target, "wb") as sink:
            encode_file(audio, sink, codec)
    else:
        with open(source, "rb") as stream:
            decode_file(
                Reader(stream), lambda rate, channels: create_audio(target, rate, channels, overwrite=True), codec
            )
    seconds = time.perf_counter() - started
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(seconds, status["VmHWM"].split()[0])


def streamed(voice: np.ndarray, threads: int) -> tuple[float, float]:
    """Real-time factors of encoding and decoding frame by frame."""
    codec = kvant.load(threads=threads)
    encoder, decoder = codec.encoder_stream(), codec.decoder_stream()
    hops = voice[None, : len(voice) // codec.hop_length * codec.hop_length].reshape(1, -1, codec.hop_length)
    spent = np.zeros(2)
    for index in range(hops.shape[1]):
        start = time.perf_counter()
        codes = encoder.push(hops[:, index])
        middle = time.perf_counter()
        decoder.push(codes)
        spent += middle - start, time.perf_counter() - middle
    return tuple(hops.shape[1] / codec.frame_rate / spent)


if __name__ == "__main__":
    main()
