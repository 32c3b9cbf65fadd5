"""Who speaks, in what language, in what domain: read off a recording's path, or from a table beside it."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kvant.errors import UsageError

FIELDS = ("speaker", "language", "domain")

Labels = Callable[[str], dict[str, str]]
"""From a relative path to those of FIELDS that are known."""


def parse_labels(text: str | None) -> Labels:
    """`text` is a pattern, or the name of a table ending in .csv, .tsv or .jsonl; None knows nothing.

    UsageError: neither, a pattern or table without a label, or a table that cannot be read.
    """
    if text is None:
        return lambda path: {}
    if text.lower().endswith((".csv", ".tsv", ".jsonl")) and "{" not in text:
        table = read_table(Path(text))
        return lambda path: table.get(path, {})
    return pattern_labels(text)


def pattern_labels(pattern: str) -> Labels:
    """Labels by a pattern such as `{language}/{speaker}/*`, matched on the whole relative path.

    `{speaker}`, `{language}` and `{domain}` stand for one or more characters, `*` for any number, neither for a `/`;
    `**` stands for anything. UsageError: another name in braces, one twice, or none.
    """
    parts = re.split(r"(\{[^{}]*\}|\*\*|\*)", pattern)
    wild = {"**": ".*", "*": "[^/]*"} | {f"{{{name}}}": f"(?P<{name}>[^/]+?)" for name in FIELDS}
    names = [part for part in parts if part.startswith("{")]
    if not names or set(names) - set(wild) or len(set(names)) < len(names) or re.search(r"[{}]", pattern_rest(parts)):
        known = ", ".join(f"{{{name}}}" for name in FIELDS)
        raise UsageError(
            f"--labels {pattern}: a pattern has some of {known}, each once, such as {{language}}/{{speaker}}/*; "
            "a table is a file ending in .csv, .tsv or .jsonl"
        )
    compiled = re.compile("".join(wild.get(part, re.escape(part)) for part in parts), re.DOTALL)

    def labels(path: str) -> dict[str, str]:
        found = compiled.fullmatch(path)
        return found.groupdict() if found else {}

    return labels


def pattern_rest(parts: list[str]) -> str:
    """What of a split pattern stands for itself."""
    return "".join(part for part in parts if not part.startswith("{") or not part.endswith("}"))


def read_table(table: Path) -> dict[str, dict[str, str]]:
    """Path -> labels, from a table with a column `path` (as scanning names files) and some of FIELDS.

    UsageError: it cannot be read, lacks those columns, or has a path twice.
    """
    try:
        with open(table, encoding="utf-8-sig", newline="") as file:
            if table.suffix.lower() == ".jsonl":
                rows: list[dict[str, Any]] = [json.loads(line) for line in file if line.strip()]
            else:
                rows = list(csv.DictReader(file, delimiter="\t" if table.suffix.lower() == ".tsv" else ","))
        found: dict[str, dict[str, str]] = {}
        for row in rows:
            path = row["path"]
            if path in found:
                raise UsageError(f"{table}: has {path} twice; keep one line of it")
            found[path] = {name: str(row[name]) for name in FIELDS if row.get(name) not in (None, "")}
    except OSError as error:
        raise UsageError(f"{table}: cannot be read ({error.strerror}); check the name after --labels") from error
    except KeyError:
        raise UsageError(f"{table}: has no column 'path'; name the files as the manifest does") from None
    except (ValueError, TypeError, AttributeError, csv.Error) as error:
        raise UsageError(f"{table}: not a table of labels ({error}); write it as CSV, TSV or JSON lines") from error
    if not any(found.values()):
        raise UsageError(f"{table}: has none of the columns {', '.join(FIELDS)}; add at least one")
    return found
