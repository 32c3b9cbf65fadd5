"""The files of an ablation, made from its results alone."""

from pathlib import Path

from kvant.ablation.plot import draw
from kvant.ablation.results import Results, write_results, write_text
from kvant.ablation.table import PICTURE, comma_separated, markdown
from kvant.errors import UsageError
from kvant.files import atomic_write


def write_report(folder: Path, results: Results) -> list[str]:
    """ablation.json, .md, .csv and .png; returns notes on what could not be made."""
    write_results(folder / "ablation.json", results)
    write_text(folder / "ablation.md", markdown(results))
    write_text(folder / "ablation.csv", comma_separated(results))
    try:
        picture = draw(results)
    except UsageError as error:
        return [f"no plot: {error}"]
    with atomic_write(folder / PICTURE, overwrite=True) as file:
        file.write(picture)
    return []
