"""`kvant models`: the models that come with Kvant."""

import json
from typing import Any

from kvant.cli import options


def models(as_json: options.Json = False) -> None:
    """The models that come with Kvant.

    Their rates, latency, size, digests and licence.
    """
    from kvant.runtime import available

    found = [_describe(name) for name in available()]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if not found:
        print("no model comes with this installation; give the folder of your own with -m")
    for model in found:
        print(model["name"] + (", used unless -m names another" if model["default"] else ""))
        for label, text in _facts(model):
            print(f"  {label:<11}{text}")


def _describe(name: str) -> dict[str, Any]:
    from kvant.model_file import read_model_file
    from kvant.runtime import DEFAULT, available, load
    from kvant.runtime.models import WEIGHTS

    folder = available()[name]
    codec = load(name)
    model = read_model_file(folder / WEIGHTS)
    return {
        "name": name,
        "default": name == DEFAULT,
        "sample_rate": codec.sample_rate,
        "frame_rate": codec.frame_rate,
        "codebook_sizes": list(codec.codebook_sizes),
        "bitrates": [codec.bitrate(levels) for levels in range(1, codec.num_codebooks + 1)],
        "latency_ms": 1000 * codec.latency / codec.sample_rate,
        "parameters": model.num_parameters,
        "bytes": sum(path.stat().st_size for path in folder.iterdir()),
        "decoder_digest": codec.decoder_digest.hex(),
        "model_digest": codec.model_digest.hex(),
        "licence": codec.metadata.get("licence"),
        "folder": str(folder),
    }


def _facts(model: dict[str, Any]) -> list[tuple[str, str]]:
    rates = ", ".join(f"{rate / 1000:g}" for rate in model["bitrates"])
    sizes = ", ".join(map(str, sorted(set(model["codebook_sizes"]))))
    return [
        ("audio", f"{model['sample_rate']} Hz; other rates are converted, channels are coded one by one"),
        ("codes", f"{model['frame_rate']:g} frames/s of {len(model['codebook_sizes'])} codebooks of {sizes} entries"),
        ("bitrates", f"{rates} kbit/s"),
        ("latency", f"{model['latency_ms']:.1f} ms"),
        ("size", f"{model['parameters'] / 1e6:.2f} million parameters, {model['bytes'] / 1e6:.1f} MB"),
        ("decoder", model["decoder_digest"]),
        ("encoder", model["model_digest"]),
        ("licence", model["licence"] or "not stated"),
    ]
