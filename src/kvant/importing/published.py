"""The releases Kvant knows, by the name they are imported under."""

from kvant.codecs import (
    bigcodec,
    dac,
    encodec,
    encodec_music,
    encodec_stereo,
    mimi,
    snac,
    speechtokenizer,
    vocos,
    wavtokenizer,
)
from kvant.codecs.published import Published

PUBLISHED: dict[str, Published] = {
    **bigcodec.PUBLISHED,
    **dac.PUBLISHED,
    **encodec.PUBLISHED,
    **encodec_music.PUBLISHED,
    **encodec_stereo.PUBLISHED,
    **mimi.PUBLISHED,
    **snac.PUBLISHED,
    **speechtokenizer.PUBLISHED,
    **vocos.PUBLISHED,
    **wavtokenizer.PUBLISHED,
}
