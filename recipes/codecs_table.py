"""The known codecs side by side: size, rates, cost, latency, all computed from their configs.

    python recipes/codecs_table.py docs/codecs/README.md

Replaces what stands between two marks in that page. Takes some minutes, since every codec is built and codes a second.
Needs pip install 'kvant[train]'.
"""

import sys
from pathlib import Path

import torch

from kvant.checkpoint import config_from_json
from kvant.codecs import CODECS, SEGMENTED, frame
from kvant.evaluation.facts import HEAD, facts, row
from kvant.files import atomic_write
from kvant.importing.published import PUBLISHED
from kvant.model_file import read_model_file
from kvant.runtime.models import DEFAULT, WEIGHTS, find

BEGIN, END = "<!-- table: made by recipes/codecs_table.py -->", "<!-- end of the table -->"


def table() -> list[str]:
    """Lines of Markdown; releases of one config share a line."""
    shipped = config_from_json(frame.Config, read_model_file(find(DEFAULT) / WEIGHTS).metadata["config"])
    sharing: dict[tuple[str, object], list[str]] = {("frame", shipped): [DEFAULT]}
    for name, release in PUBLISHED.items():
        sharing.setdefault((release.architecture, release.config), []).append(name)
    published = {release.architecture for release in PUBLISHED.values()}
    for architecture in sorted(set(CODECS) - published - {"frame", "ablation"}):
        sharing[architecture, CODECS[architecture][0]()] = [architecture]
    lines = [HEAD, "|---|" + "--:|" * (HEAD.count("|") - 3) + "---|"]
    for (architecture, config), names in sharing.items():
        build = (CODECS | SEGMENTED)[architecture][1]
        lines.append(row(", ".join(names), facts(build, config)))
        print(lines[-1], flush=True)
    return lines


def main(page: Path) -> None:
    torch.set_num_threads(1)
    text = page.read_text(encoding="utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        sys.exit(f"{page}: has no place for the table; put the lines {BEGIN} and {END} into it")
    lines = "\n".join(table())
    with atomic_write(page, overwrite=True) as sink:
        sink.write(f"{head}{BEGIN}\n\n{lines}\n\n{END}{tail}".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
