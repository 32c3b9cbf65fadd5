"""SpeechTokenizer (Zhang et al., 2024): Unified Speech Tokenizer for Speech Language Models.

Signal      16 kHz mono, hop 320: 50 frames/s; hears the whole signal, does not stream
Encoder     SEANet of 64 filters: conv 7, strides 2, 4, 5, 8, one residual unit before each (kernel 3, half as wide,
            a matrix around it), channels 64 to 1024; ELU; two LSTM layers in both directions, 2048 channels, around
            which the input goes to both halves; conv 7 to 1024 dimensions
Quantizer   8 residual levels x 1024 vectors of 1024 dimensions, running means of decay 0.99: 0.5 kbit/s a level
Decoder     the encoder backwards, with two LSTM layers that run forwards
Weights     103.7 M with the projection to the teacher, 1024 to 768
Training    the first level is taught by features of HuBERT (`SemanticDistillationLoss`) 120, waveform l1 500, mel 45,
            commitment 10; multi-period, multi-scale and multi-scale STFT discriminators

The first codes say what is said, the others how. All convolutions are centred and mirror what they hear at the edges;
each completes its own input to whole strides.
"""

from dataclasses import dataclass, field
from math import prod

from kvant.codecs import centred_names
from kvant.codecs.completing import CompletingCodec
from kvant.codecs.encodec import residual_levels
from kvant.codecs.published import Layout, Published
from kvant.decoders.seanet import CentredSEANetDecoder
from kvant.encoders.seanet import CentredSEANetEncoder
from kvant.layers.bidirectional_lstm import BidirectionalLSTM, DoubledResidual
from kvant.layers.lstm import LSTM
from kvant.layers.seanet import SEANetConfig
from kvant.streaming import Residual


@dataclass(frozen=True)
class Config:
    """Everything the architecture depends on; JSON-able."""

    sample_rate: int = 16000
    latent_dim: int = 1024
    num_codebooks: int = 8
    codebook_size: int = 1024
    lstm_layers: int = 2
    seanet: SEANetConfig = field(default_factory=lambda: SEANetConfig(filters=64))


def build(config: Config) -> CompletingCodec:
    """The codec of `config`, untrained."""
    seanet = config.seanet
    both_ways = DoubledResidual(BidirectionalLSTM(seanet.widest, config.lstm_layers))
    forwards = Residual(LSTM(seanet.widest, config.lstm_layers))
    return CompletingCodec(
        CentredSEANetEncoder(seanet, config.latent_dim, both_ways, widening=2),
        residual_levels(config.num_codebooks, config.codebook_size, config.latent_dim),
        CentredSEANetDecoder(seanet, config.latent_dim, forwards),
        sample_rate=config.sample_rate,
        hop_length=prod(seanet.strides),
        pre_skip=0,
    )


PUBLISHED = {
    "speechtokenizer": Published(
        architecture="speechtokenizer",
        config=Config(),
        layouts=(
            Layout(
                package="speechtokenizer",
                mark=r"encoder\.model\..*",
                convert=centred_names.from_official,
                ignorable=(
                    r"transform\.(weight|bias)",
                    r"quantizer\.vq\.layers\.\d+\._codebook\.(inited|cluster_size|embed_avg)",
                ),
            ),
        ),
        source="speechtokenizer_hubert_avg/SpeechTokenizer.pt of fnlp/SpeechTokenizer",
        sha256="",
        code_licence="Apache 2.0",
        weights_licence="not said where they are published: ask before use",
        place="hf://fnlp/SpeechTokenizer/speechtokenizer_hubert_avg/SpeechTokenizer.pt",
    )
}
"""Released weights of this codec, taught by the mean of HuBERT's layers."""
