"""One metric a file. Importing one needs numpy; making a PESQ, STOI or ViSQOL needs `kvant[eval]`."""

from kvant.evaluation.metrics.mel_distance import MelDistance
from kvant.evaluation.metrics.metric import Metric, UndefinedScore
from kvant.evaluation.metrics.pesq import Pesq
from kvant.evaluation.metrics.si_sdr import SiSdr
from kvant.evaluation.metrics.stft_distance import StftDistance
from kvant.evaluation.metrics.stoi import Stoi
from kvant.evaluation.metrics.visqol import Visqol

__all__ = ["MelDistance", "Metric", "Pesq", "SiSdr", "StftDistance", "Stoi", "UndefinedScore", "Visqol"]
