"""The releases Kvant knows, by the name they are imported under."""

from kvant.codecs import dac, encodec, encodec_music, snac, vocos
from kvant.codecs.published import Published

PUBLISHED: dict[str, Published] = {
    **dac.PUBLISHED,
    **encodec.PUBLISHED,
    **encodec_music.PUBLISHED,
    **snac.PUBLISHED,
    **vocos.PUBLISHED,
}
