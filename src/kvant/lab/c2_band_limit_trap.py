"""c2: recordings that end at 8 kHz teach a codec at 24 kHz that voices are silent above, unless losses look away.

The same full-band voices throughout; a share of them is cut off at 8 kHz, as if recorded at 16 kHz, and then a small
codec is trained. Tried on full-band voices it has not heard.
"""

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.codecs.frame import Config, build
from kvant.lab.bench import SAMPLE_RATE, Bench
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import COLOURS, INK
from kvant.lab.full_band import full_band_voices
from kvant.layers.context import ContextConfig
from kvant.layers.spectral_features import FeatureConfig
from kvant.losses import MelLoss
from kvant.losses.band_limit import band_limit
from kvant.training.closed_form import solve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS, ITEMS = 150, 8
HEARD, TRIED = 400, 48
"""Stretches of a second."""
CUT, HIGHS = 8000.0, (8500, 11500)
"""Hz."""
SHARES = (0.0, 0.5, 0.9, 1.0)
REMEDIES = {"plain": "none", "masked": "masked losses", "sampled": "half of each batch full-band", "both": "both"}
RUNS = [(0.0, "plain"), *((share, remedy) for share in SHARES[1:] for remedy in ("plain", "masked"))]
RUNS += [(0.9, "sampled"), (0.9, "both")]
BANDS = 48
Row = dict[str, float | int | str]


def trained(wavs: Tensor, share: float, remedy: str, seed: int) -> Codec:
    """From the closed form of what it hears, by mel distance. `masked`: compared below each recording's bandwidth."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    narrow = torch.arange(len(wavs)) < share * len(wavs)
    bandwidth = torch.where(narrow, CUT, SAMPLE_RATE / 2)
    heard = torch.where(narrow[:, None, None], band_limit(wavs, torch.full((len(wavs),), CUT), SAMPLE_RATE), wavs)
    chance = torch.ones(len(wavs))
    if remedy in ("sampled", "both"):
        chance = torch.where(narrow, 0.5 / narrow.sum(), 0.5 / (~narrow).sum())
    small = ContextConfig(64, 128, (1, 1))
    features = FeatureConfig(num_coefficients=64)
    codec = build(Config(num_codebooks=2, codebook_size=256, features=features, encoder=small, decoder=small))
    solve(codec, heard[torch.multinomial(chance, len(wavs) // 2, True, generator=generator)], 30_000, seed)
    optimizer = torch.optim.Adam(codec.parameters(), 1e-3)
    mel = MelLoss(SAMPLE_RATE, (512, 2048), (40, 80))
    for _ in range(STEPS):
        chosen = torch.multinomial(chance, ITEMS, generator=generator)
        reference = heard[chosen, :, : SAMPLE_RATE // 2]
        estimate, quantized = codec(reference)
        if remedy in ("masked", "both"):
            estimate, reference = (band_limit(wav, bandwidth[chosen], SAMPLE_RATE) for wav in (estimate, reference))
        loss = 15 * mel(estimate, reference) + 0.25 * quantized.losses["commitment"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return codec.eval()


def levels(wavs: Tensor) -> Tensor:
    """[B, BANDS]: dB of the energy of wavs [B, 1, N] in bands of 250 Hz."""
    power = torch.fft.rfft(wavs[:, 0]).abs().square()[:, :-1] / wavs.shape[-1]
    return 10 * torch.log10(power.reshape(len(wavs), BANDS, -1).sum(-1) + 1e-9)


def high_errors(estimate: Tensor, reference: Tensor) -> Tensor:
    """[B], dB: mean difference of the `levels` between HIGHS."""
    low, high = (round(each / (SAMPLE_RATE / 2) * BANDS) for each in HIGHS)
    return (levels(estimate) - levels(reference))[:, low:high].mean(-1)


def draw(rows: list[Row], spectra: dict[str, Tensor], figure: "Figure") -> None:
    left, right = figure.subplots(1, 2)
    for (remedy, label), colour in zip(REMEDIES.items(), (COLOURS[1], COLOURS[0], COLOURS[3], COLOURS[2])):
        points = [(100 * float(row["share"]), float(row["high_error_db"])) for row in rows if row["remedy"] == remedy]
        left.plot(*zip(*points), "o-", color=colour)
        left.text(2, {"plain": -16, "masked": -18, "sampled": -20, "both": -22}[remedy], label, color=colour)
    left.text(2, -14, "Remedy:", color=INK)
    left.axhline(0, color=INK, linewidth=1)
    left.set(xlabel="share of recordings cut at 8 kHz, %", ylabel="energy of the highs against the original, dB")
    left.set_title("What is left from 8.5 to 11.5 kHz")
    kilohertz = (torch.arange(BANDS) + 0.5) * 12 / BANDS
    for spectrum, colour in zip(spectra.values(), (INK, COLOURS[1], COLOURS[0], COLOURS[2])):
        right.plot(kilohertz, spectrum, color=colour)
    right.set(xlabel="frequency, kHz", ylabel="level of 250 Hz, mean over voices, dB")
    right.set_title("Unheard voices, where 90 % were cut")
    right.legend(list(spectra), loc="lower left")
    figure.suptitle("What a corpus lacks, a codec learns to leave out")


def run(bench: Bench) -> Finding:
    heard, tried = full_band_voices(bench, HEARD, TRIED)
    mel = MelLoss(SAMPLE_RATE)
    rows: list[Row] = []
    spectra = {"original": levels(tried).mean(0)}
    for share, remedy in RUNS:
        codec = trained(heard, share, remedy, bench.seed)
        with torch.no_grad():
            wavs = codec(tried).wav
        errors = high_errors(wavs, tried)
        measures = {"high_error_db": float(errors.median()), "over_10_db": int((errors > 10).sum())}
        rows.append({"share": share, "remedy": remedy, **measures, "mel": float(mel(wavs, tried))})
        if share == 0.9 and remedy != "sampled":
            spectra[{"plain": "no remedy"}.get(remedy, REMEDIES[remedy])] = levels(wavs).mean(0)
    found = {(row["share"], row["remedy"]): float(row["high_error_db"]) for row in rows}
    plain = [found[share, "plain"] for share in SHARES]
    masked, sampled, both = (found[0.9, remedy] for remedy in ("masked", "sampled", "both"))
    fallen = [plain[0] - each for each in plain]
    seen = (
        f"Trained on full-band voices, the codec returns the highs within {abs(plain[0]):.1f} dB (median). With "
        f"half of the recordings cut at 8 kHz they fall by {fallen[1]:.1f} dB, with 90 % by {fallen[2]:.1f} dB, and "
        f"where nothing full-band is left, by {fallen[3]:.0f} dB. It was taught so: the loss asks for silence. "
        f"Compared only below each recording's bandwidth, the same data leave {masked:+.1f} dB at 90 %; drawing half "
        f"of a batch from the full-band tenth leaves {sampled:+.1f} dB, and both {both:+.1f} dB. Masking is no "
        f"teacher: where all are cut it leaves {found[1.0, 'masked']:+.1f} dB, whatever the noise filling happens to "
        "give."
    )
    checks = (
        Check("without cut recordings the highs are right within 4 dB", f"{plain[0]:+.1f} dB", abs(plain[0]) < 4),
        Check(
            "the more recordings are cut, the less of the highs is left",
            ", ".join(f"{each:+.1f}" for each in plain) + " dB",
            fallen == sorted(fallen) and fallen[2] > 5,
        ),
        Check("with all cut they are gone: over 18 dB less", f"{fallen[3]:.1f} dB", fallen[3] > 18),
        Check("masked losses win back over half at 90 %", f"{masked:+.1f} dB", plain[0] - masked < fallen[2] / 2),
        Check("full-band sampling wins back a part", f"{sampled:+.1f} dB", plain[0] - sampled < fallen[2] - 1),
        Check("both are right within 5 dB", f"{both:+.1f} dB", abs(both) < 5),
    )
    return Finding(rows, partial(draw, rows, spectra), seen, checks)


EXPERIMENT = Experiment(
    "c2-band-limit-trap",
    "What a corpus lacks, a codec learns to leave out",
    "What do recordings that end at 8 kHz teach a codec about what lies above?",
    run,
    needs_corpus=True,
)
