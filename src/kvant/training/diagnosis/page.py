"""`docs/doctor.md`, from the rules: `python -m kvant.training.diagnosis.page > docs/doctor.md`."""

from kvant.training.diagnosis.symptoms import STATES, SYMPTOMS

HEAD = """# kvant doctor: symptoms

This page is made from the rules themselves: `python -m kvant.training.diagnosis.page > docs/doctor.md`.

While a codec trains, every record of `RUN/health.jsonl` is judged by the rules below, and each new symptom is printed
once. `kvant doctor RUN` judges the records of a run again, together with `history.jsonl`; unless `--quick` is given it
also measures `model.safetensors` on held-out clips of the corpus (or of `--data`). It needs torch only for that. The
exit code is 0 for a healthy run, 1 if there are symptoms.

A symptom must stand in several records in a row, up to the newest, before it counts. Rules marked * can be seen in a
model alone, the others need the course of a run.
"""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [HEAD]
    for rule in SYMPTOMS:
        star = " *" if rule in STATES else ""
        remedies = "\n".join(f"- {remedy}" for remedy in rule.remedies)
        parts.append(f"## {rule.name}{star}\n\n{rule.meaning}\n\nWhy there: {rule.reason}\n\n{remedies}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
