"""Symptoms one could hear: silence fed in, and clipping, holes, whistles or a buzz coming out."""

from collections.abc import Iterator, Sequence

from kvant.training.diagnosis.records import Record, series, standing
from kvant.training.diagnosis.symptom import Finding, Rule

SILENT, CLIPPED, HOLES, WHISTLES, LOUD_WHISTLE, BUZZ_DB = 0.5, 1e-3, 0.1, 10, 20.0, 5.0
PATIENCE = 5


def find_silence(records: Sequence[Record]) -> Iterator[Finding]:
    run = standing(series(records, "input/silent"), 2, above=SILENT)
    if run:
        yield Finding(
            "data",
            run[0].step,
            f"{run[-1].value:.0%} of the segments are silent since step {run[0].step:,}; the last batch has an RMS of "
            f"{series(records, 'input/rms')[-1].value:.1g}",
        )


SILENCE = Rule(
    "silent data",
    "Most of what the codec hears is silence.",
    "segments below -80 dB of full scale are quieter than any microphone's noise; a corpus may hold some, but half of "
    "them twice in a row means a broken file, gain or path.",
    ("listen to the corpus", "prepare it again", "drop silent segments"),
    find_silence,
)


def find_clipping(records: Sequence[Record]) -> Iterator[Finding]:
    run = standing(series(records, "output/clipped"), PATIENCE, above=CLIPPED)
    if run:
        yield Finding(
            "output",
            run[0].step,
            f"{run[-1].value:.2%} of the decoded samples lie beyond full scale since step {run[0].step:,}; players "
            "clip them",
        )


CLIPPING = Rule(
    "output clips",
    "The decoder's output exceeds full scale, which every player cuts off.",
    "input is clipped to [-1, 1], and a faithful decoder passes that only at rare peaks: healthy codecs show none in "
    "100,000 samples. One in a thousand is audible as crackle.",
    ("lower the gain of the training data", "look at the losses' scale in loud passages"),
    find_clipping,
)


def find_holes(records: Sequence[Record]) -> Iterator[Finding]:
    run = standing(series(records, "output/holes"), PATIENCE, above=HOLES)
    if run:
        yield Finding(
            "output",
            run[0].step,
            f"{run[-1].value:.0%} of the bands of hearing are more than 10 dB too quiet since step {run[0].step:,}, "
            f"the worst by {-series(records, 'output/deepest_hole')[-1].value:.0f} dB",
        )


SPECTRAL_HOLES = Rule(
    "spectral holes",
    "Bands that the recording fills are nearly empty in the output: it sounds muffled or hollow.",
    "10 dB is a tenth of the energy. A trained codec had such a band in one batch of two; its closed form, which is "
    "muffled to the ear, in 14 to 25 % of them. Three of 24 bands, five records in a row, is the latter.",
    ("weigh log-spectral losses more", "add noise filling or a discriminator", "check the bandwidth of the data"),
    find_holes,
)


def find_whistles(records: Sequence[Record]) -> Iterator[Finding]:
    many = standing(series(records, "output/whistles"), PATIENCE, above=WHISTLES)
    loud = standing(series(records, "output/whistle_db"), PATIENCE, above=LOUD_WHISTLE)
    if many or loud:
        since = min(run[0].step for run in (many, loud) if run)
        count, excess, place = (
            series(records, f"output/{figure}")[-1].value for figure in ("whistles", "whistle_db", "whistle_hz")
        )
        yield Finding(
            "output",
            since,
            f"{count:.0f} frequencies carry a steady tone that the recordings lack, since step {since:,}; the loudest, "
            f"at {place:.0f} Hz, stands {excess:.0f} dB too far above its neighbours",
        )


WHISTLING = Rule(
    "whistles",
    "The output holds steady tones that nobody played; losses of mel bands cannot tell them from noise.",
    "a tone 10 dB above its neighbours is prominent. Healthy codecs had none, their closed form up to ten; one that "
    "had learnt a whistle in every mel band had 54 to 88, the loudest by 24 to 30 dB.",
    (
        "add a loss bin by bin (log_magnitude)",
        "let noise have a gain per band instead of per bin",
        "lower mel's weight",
    ),
    find_whistles,
)


def find_buzz(records: Sequence[Record]) -> Iterator[Finding]:
    run = standing(series(records, "output/buzz_db"), PATIENCE, above=BUZZ_DB)
    if run:
        yield Finding(
            "output",
            run[0].step,
            f"lines at multiples of the frame rate stand {run[-1].value:.0f} dB further out of the output than out of "
            f"the recordings, since step {run[0].step:,}",
        )


BUZZ = Rule(
    "buzz at the frame rate",
    "The decoder adds the same to every frame: lines at all multiples of the frame rate, which few metrics see.",
    "recordings and healthy codecs differ by less than 1 dB. A decoder that gave what it added to a bin a sign "
    "of its own had 10 dB at 8 levels and 15 at one; no metric of quality told.",
    ("give what the decoder adds the signs of a noise carrier", "train with a discriminator of long windows"),
    find_buzz,
)
