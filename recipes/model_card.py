"""The model card of a trained voice model, from what its file records and what was measured of it.

    python recipes/model_card.py MODEL MEASURED

Writes MODEL_CARD.md beside the weights. The prose is in model_card.md; seconds heard, data and licences come from the
model, figures from MEASURED.json and MEASURED.md, the results.json and table.md that `kvant eval` wrote.
"""

import argparse
from pathlib import Path
from string import Template

from kvant.evaluation.results import from_json
from kvant.files import atomic_write
from kvant.model_file import read_model_file
from kvant.runtime import load
from kvant.runtime.models import WEIGHTS, find

TEMPLATE = Path(__file__).with_suffix(".md")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a shipped model, or a folder with one")
    parser.add_argument("measured", type=Path, help="an evaluation: MEASURED.json and MEASURED.md")
    arguments = parser.parse_args()
    codec = load(arguments.model)
    record = codec.metadata
    folder = Path(find(arguments.model))
    model = read_model_file(folder / WEIGHTS)
    rates = [float(rate) for rate in record["variable"]["limits"]]
    evaluation = from_json(arguments.measured.with_suffix(".json").read_text(encoding="utf-8"))
    card = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=codec.name,
        sample_rate=codec.sample_rate,
        frame_rate=f"{codec.frame_rate:g}",
        levels=codec.num_codebooks,
        size=codec.codebook_sizes[0],
        lowest=f"{codec.bitrate(1) / 1000:g}",
        highest=f"{codec.bitrate(codec.num_codebooks) / 1000:g}",
        variable=" to ".join(f"{rate / 1000:.1f}" for rate in (min(rates), max(rates))),
        parameters=f"{model.num_parameters / 1e6:.2f}",
        latency=f"{1000 * codec.latency / codec.sample_rate:.1f}",
        decoder_digest=codec.decoder_digest.hex(),
        model_digest=codec.model_digest.hex(),
        steps=record["training"]["steps"],
        seconds=f"{record['training']['seconds_heard']:,.0f}",
        hours=f"{record['training']['seconds_heard'] / 3600:.1f}",
        note=record.get("note", ""),
        command=record["command"],
        sources="\n".join(f"| {package} | {licence} |" for package, licence in record["trained_on"].items()),
        test_sources=", ".join(sorted({clip.source for clip in evaluation.clips})),
        clips=len(evaluation.clips),
        table=arguments.measured.with_suffix(".md").read_text(encoding="utf-8").strip(),
        licence=record["licence"],
    )
    with atomic_write(folder / "MODEL_CARD.md", overwrite=True) as sink:
        sink.write(card.encode())


if __name__ == "__main__":
    main()
