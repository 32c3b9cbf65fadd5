"""Parts and codecs that look ahead, for their laws: small ones of every kind, strides odd and even."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from kvant.codecs import bigcodec, dac, encodec_music, snac, speechtokenizer, vocos, wavtokenizer
from kvant.decoders.bigcodec import BigCodecDecoder
from kvant.decoders.by_depth import ByDepth, Told
from kvant.decoders.dac import DACDecoder
from kvant.decoders.seanet import CentredSEANetDecoder
from kvant.decoders.snac import NoisyUpsampling, SNACDecoder
from kvant.decoders.vocos import BackboneConfig, VocosDecoder
from kvant.encoders.bigcodec import BigCodecEncoder
from kvant.encoders.dac import DACEncoder
from kvant.encoders.seanet import CentredLayers, CentredSEANetEncoder
from kvant.encoders.snac import SNACEncoder
from kvant.heads import CentredISTFTHead
from kvant.layers.adaptive_norm import AdaptiveLayerNorm
from kvant.layers.bidirectional_lstm import BidirectionalLSTM, DoubledResidual
from kvant.layers.centred_conv import CentredConv1d, CentredMirroredConv1d
from kvant.layers.local_attention import LocalAttention
from kvant.layers.lstm import LSTM
from kvant.layers.normed_conv import Normed, NormedTransposedConv1d
from kvant.layers.parallel import LookAheadParallel
from kvant.layers.place_net import PlaceNet
from kvant.layers.recurrent import Recurrent
from kvant.layers.seanet import SEANetConfig
from kvant.streaming import LookAhead, LookAheadChain, Pointwise
from tests.laws.implementers import classes_of_parts


def told_decoder() -> VocosDecoder:
    """Of latents and one of three conditions."""
    head = CentredISTFTHead(8, window_length=24, hop_length=6, lead=9)
    return VocosDecoder(5, BackboneConfig(8, 12, blocks=1), head, partial(AdaptiveLayerNorm, 3))


SEANET = SEANetConfig(filters=4, strides=(2, 3))

LOOK_AHEAD: dict[type, Callable[[], LookAhead]] = {
    ByDepth: lambda: ByDepth(told_decoder(), (1, 2, 4)),
    CentredConv1d: lambda: CentredConv1d(2, 4, 10, stride=5),
    CentredLayers: lambda: CentredLayers(CentredMirroredConv1d(1, 4, 6, stride=3), nn.Tanh(), CentredConv1d(4, 6, 5)),
    CentredMirroredConv1d: lambda: CentredMirroredConv1d(2, 4, 6, stride=3),
    CentredSEANetDecoder: lambda: CentredSEANetDecoder(SEANET, 5, LookAheadChain()),
    CentredSEANetEncoder: lambda: CentredSEANetEncoder(SEANET, 5, LookAheadChain()),
    DACDecoder: lambda: DACDecoder(latent_dim=6, channels=16, strides=(5, 3, 2)),
    DACEncoder: lambda: DACEncoder(channels=3, strides=(2, 3, 5), latent_dim=6),
    LocalAttention: lambda: LocalAttention(8, window=5, head_dim=4),
    LookAheadChain: lambda: LookAheadChain(nn.Conv1d(1, 4, 7, stride=3, padding=2), nn.Tanh(), nn.Conv1d(4, 6, 1)),
    LookAheadParallel: lambda: LookAheadParallel(CentredConv1d(2, 4, 5), Pointwise(nn.Conv1d(2, 4, 1))),
    NoisyUpsampling: lambda: NoisyUpsampling(8, 3, seed=1),
    SNACDecoder: lambda: SNACDecoder(latent_dim=6, channels=16, strides=(5, 3, 2)),
    SNACEncoder: lambda: SNACEncoder(channels=3, strides=(2, 3, 5)),
    Told: lambda: Told(told_decoder(), torch.tensor([1])),
    VocosDecoder: lambda: VocosDecoder(5, BackboneConfig(8, 12, blocks=2), CentredISTFTHead(8, 32, 8, lead=16)),
}

PERIODS: dict[type, int] = {LocalAttention: 5}
"""Outputs after which what an output depends on repeats, where that is not after each stride."""

WITHOUT_END: dict[type, Callable[[], LookAhead]] = {
    BigCodecDecoder: lambda: BigCodecDecoder(latent_dim=6, channels=16, strides=(5,), lstm_layers=2),
    BigCodecEncoder: lambda: BigCodecEncoder(channels=3, strides=(4,), lstm_layers=2, latent_dim=6),
    BidirectionalLSTM: lambda: BidirectionalLSTM(4, layers=2),
    DoubledResidual: lambda: DoubledResidual(BidirectionalLSTM(4, layers=1)),
    Normed: lambda: Normed(CentredMirroredConv1d(2, 4, 6, stride=3), 4),
    NormedTransposedConv1d: lambda: NormedTransposedConv1d(4, 2, 10, stride=5),
    Recurrent: lambda: Recurrent(
        LookAheadChain(nn.Conv1d(1, 4, 9, stride=6, padding=3)),
        LSTM(4, layers=1),
        LookAheadChain(nn.ConvTranspose1d(4, 3, 8, stride=4, padding=2)),
    ),
    PlaceNet: lambda: PlaceNet(8, groups=4),
}
"""Those with outputs that depend on everything to one side, or to both."""

CODECS_LOOKING_AHEAD: dict[str, Any] = {
    "bigcodec": bigcodec.Config(
        strides=(15,), encoder_channels=4, decoder_channels=16, lstm_layers=1, latent_dim=12, codebook_size=32
    ),
    "dac": dac.Config(
        sample_rate=16000,
        strides=(2, 4, 5),
        encoder_channels=4,
        decoder_channels=32,
        latent_dim=12,
        num_codebooks=4,
        codebook_size=32,
    ),
    "encodec-music": encodec_music.Config(
        latent_dim=6, num_codebooks=3, codebook_size=32, lstm_layers=1, seanet=SEANetConfig(filters=4, strides=(2, 5))
    ),
    "snac": snac.Config(
        strides=(2, 5), encoder_channels=4, decoder_channels=16, codebook_size=32, attention_window=6, head_dim=8
    ),
    "speechtokenizer": speechtokenizer.Config(
        latent_dim=6, num_codebooks=3, codebook_size=32, lstm_layers=1, seanet=SEANetConfig(filters=4, strides=(2, 5))
    ),
    "vocos": vocos.Config(
        latent_dim=6,
        num_codebooks=5,
        codebook_size=32,
        seanet=SEANetConfig(filters=4, strides=(2, 4)),
        backbone=BackboneConfig(16, 24, blocks=2),
        window_length=32,
        trained_depths=(2, 4),
    ),
    "wavtokenizer": wavtokenizer.Config(
        latent_dim=6,
        codebook_size=32,
        lstm_layers=1,
        seanet=SEANetConfig(filters=4, strides=(2, 5)),
        backbone=BackboneConfig(16, 24, blocks=2),
        norm_groups=4,
        window_length=40,
    ),
}
"""Architecture name -> the config of a small codec of it. Those of `CODECS` that are not here must stream."""


def look_ahead_classes() -> Iterator[type]:
    """Every LookAhead subclass below one of the packages of parts."""
    return classes_of_parts(LookAhead)
