"""The releases Kvant knows, by the name they are imported under."""

from kvant.codecs import encodec
from kvant.codecs.published import Published

PUBLISHED: dict[str, Published] = {**encodec.PUBLISHED}
