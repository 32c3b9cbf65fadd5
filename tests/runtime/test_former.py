"""The shipped model got more levels: streams from before name it as it was, and are decoded to the same wav."""

import io
from dataclasses import replace

import numpy as np
import pytest

import kvant
from kvant.bitstream import Writer
from kvant.errors import ModelError
from kvant.runtime import DEFAULT
from kvant.runtime.files import codec_for, header_for, slots
from kvant.runtime.former import former

DIGEST = "21fbc918ce9405758de6c0c9f38ad79fd46d43edb400d3c0b9774278bed16695"
"""Of the decoder with eight levels, as its streams name it."""


def stream(codec: kvant.Codec, codes: np.ndarray, num_samples: int) -> bytes:
    sink = io.BytesIO()
    writer = Writer(sink, header_for(codec, codec.sample_rate, len(codes), num_samples))
    writer.write(slots(codes))
    writer.close(num_samples)
    return sink.getvalue()


@pytest.mark.parametrize("channels", [1, 2])
def test_streams_of_eight_levels_decode(codec: kvant.Codec, speech: np.ndarray, channels: int) -> None:
    before = former(DEFAULT, 8)
    assert before.decoder_digest.hex() == DIGEST
    assert codec.num_codebooks == 12
    wav = np.stack([speech[:24_000], speech[24_000:48_000]])[:channels]
    codes = codec.encode(wav, codec.sample_rate, 8)
    data = stream(before, codes.codes, wav.shape[1])
    decoded, _ = kvant.decompress(data)
    np.testing.assert_allclose(decoded, codec.decode(codes), atol=1e-6)
    assert np.abs(decoded).max() > 0.05


def test_other_models_are_refused_still(codec: kvant.Codec) -> None:
    header = header_for(former(DEFAULT, 5), codec.sample_rate, 1, None)
    assert codec_for(header).codebook_sizes == (1024,) * 5
    with pytest.raises(ModelError, match="was made with"):
        codec_for(replace(header, decoder_digest=bytes(32)))
