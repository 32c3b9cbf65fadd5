"""A grid says what is swapped by names; what no list knows is refused with what it does know."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
import torch

from kvant.ablation.fixed import fixed_config, natural_depths
from kvant.ablation.grid import parse_grid, read_grid
from kvant.checkpoint import config_from_json
from kvant.codecs import ablation
from kvant.codecs.ablation.arrangements import ARRANGEMENTS
from kvant.errors import UsageError
from kvant.quantizers import CODEBOOKS, QUANTIZERS, MultiScaleQuantizer
from kvant.quantizers.gradients import GRADIENTS, DiVeQ
from kvant.quantizers.remedies import REMEDIES
from tests.ablation.conftest import TINY

BACKBONE = fixed_config({}).codec.backbone
RECIPE = Path(__file__).parents[2] / "recipes" / "ablation.toml"


class TestCells:
    def test_a_product_has_every_combination_and_names_what_differs_from_the_base(self) -> None:
        grid = parse_grid(
            {
                "base": {"gradient": "rotation_trick"},
                "groups": [
                    {"product": {"codebook": ["EMACodebook", "LearnedCodebook"], "remedies": ["none", "KMeansInit"]}}
                ],
            }
        )
        assert list(grid.cells) == ["base", "KMeansInit", "LearnedCodebook", "LearnedCodebook, KMeansInit"]
        assert grid.groups[0].cells == ("base", "KMeansInit", "LearnedCodebook", "LearnedCodebook, KMeansInit")
        last = grid.cells["LearnedCodebook, KMeansInit"].meant.quantizer
        assert (last.codebook, last.remedies, last.gradient) == ("LearnedCodebook", ("KMeansInit",), "rotation_trick")

    def test_listed_cells_differ_from_the_base_in_nothing_else(self) -> None:
        cells = [{"gradient": "small noise", "weights": "task alone"}, {"dropout": "UniformDropout"}]
        values = {"gradient": {"small noise": "DiVeQ(sigma=1e-4)"}, "weights": {"task alone": ["codebook=0"]}}
        grid = parse_grid({"values": values, "groups": [{"question": "?", "cells": cells}], "seeds": [3, 4]})
        base, noisy, dropped = (grid.config(cell, 3, "corpus") for cell in grid.cells.values())
        assert noisy.codec.quantizer.gradient == "DiVeQ(sigma=1e-4)"
        assert noisy.weights.codebook == 0
        assert (base.dropout, dropped.dropout, dropped.depths) == (0, 0.5, (1, 2, 3, 4))
        same = {"codec": base.codec, "weights": base.weights, "name": "", "dropout": 0.0, "depths": base.depths}
        assert dataclasses.replace(noisy, **same) == dataclasses.replace(base, name="")
        assert dataclasses.replace(dropped, **same) == dataclasses.replace(base, name="")

    def test_what_is_held_fixed_is_set_like_a_recipe(self) -> None:
        grid = parse_grid(TINY)
        config = grid.config(grid.cells["base"], 7, "c")
        assert (config.seed, config.corpus, config.steps, config.threads, config.refit) == (7, "c", 4, 1, False)
        assert config.codec.backbone.encoder.dilations == (1,)
        assert config.codec.backbone.features.num_bins == 160

    def test_depths(self) -> None:
        assert [natural_depths(levels) for levels in (0, 1, 4, 6)] == [(), (1,), (1, 2, 4), (1, 2, 4, 6)]


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ({"axes": {}}, r"the grid: no 'axes'; there is title, seeds"),
            ({"base": {"estimator": "x"}}, r"base: no 'estimator'; there is quantizer, codebook, gradient"),
            ({"groups": [{"product": {"codebok": []}}]}, r"a product: no 'codebok'; there is quantizer"),
            ({"groups": [{"cells": [{"codebook": 3}]}]}, r"a cell: codebook: must be text"),
            ({"values": {"gradient": {"a": ["b"]}}, "base": {"gradient": "a"}}, r"values.gradient: 'a' must be text"),
            ({"metrics": ["mos"]}, r"metrics: no 'mos'; there is pesq-wb"),
            ({"seeds": [1, 1]}, r"no seed twice"),
            ({"seeds": 1}, r"seeds: must be whole numbers"),
            ({"training": {"phases": {"0": {"step": 3}}}}, r"phases.0.step: no such key; did you mean phases.0.steps"),
            ({"training": {"seed": 3}}, r"training.seed: seed is set by the bench"),
            ({"training": {"codec": {"quantizer": {"codebook": "x"}}}}, r"codec.quantizer is set by the bench"),
        ],
    )
    def test_what_a_grid_has_not(self, content: dict, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            parse_grid(content)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"gradient": "rotation"}, r"gradient 'rotation': there is .*rotation_trick, straight_through"),
            ({"codebook": "EMACodebok"}, r"codebook 'EMACodebok': there is .*EMACodebook"),
            ({"remedies": ("Luck",)}, r"remedy 'Luck': there is KMeansInit"),
            ({"quantizer": "RVQ"}, r"quantizer 'RVQ': there is .*ResidualQuantizer"),
            ({"gradient": "DiVeQ(s=1)"}, r"gradient DiVeQ\(s=1\): no argument s; it takes sigma"),
            ({"gradient": "straight_through(a=1)"}, r"takes no arguments"),
            ({"gradient": "DiVeQ(sigma=open('x'))"}, r"sigma must be a number, text, a tuple, or the name of a part"),
            ({"gradient": "DiVeQ(1)"}, r"write a name, or Name\(argument=value\)"),
            ({"codebook": "EMACodebook(decay=0.9, size=3)"}, r"no argument size; it takes decay"),
            ({"quantizer": "GroupedQuantizer(groups=3)"}, r"4 levels and 64 dimensions do not split into 3 groups"),
        ],
    )
    def test_what_no_list_has(self, change: dict, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            ablation.build(ablation.Config(BACKBONE, ablation.QuantizerConfig(**change)))

    def test_a_file_says_which_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "g.toml").write_text("seeds = [")
        with pytest.raises(UsageError, match=r"g\.toml: not TOML"):
            read_grid(tmp_path / "g.toml")
        with pytest.raises(UsageError, match=r"none\.toml: cannot be read .*recipes/ablation\.toml"):
            read_grid(tmp_path / "none.toml")


class TestCodec:
    def test_every_part_of_the_lists_can_be_named_and_arguments_reach_it(self) -> None:
        assert set(QUANTIZERS) - set(ARRANGEMENTS) == {MultiScaleQuantizer}
        config = ablation.QuantizerConfig(codebook="EMACodebook(decay=0.5)", gradient="DiVeQ(sigma=0.25)")
        quantizer = ablation.build(ablation.Config(BACKBONE, config)).quantizer
        assert [book.decay for book in quantizer.codebooks] == [0.5] * 4
        assert quantizer.gradient == DiVeQ(sigma=0.25)
        for axis, known in (("codebook", CODEBOOKS), ("gradient", GRADIENTS)):
            for part in known:
                named = dataclasses.replace(config, **{axis: part.__name__})
                assert len(ablation.build(ablation.Config(BACKBONE, named)).quantizer.codebook_sizes) == 4
        remedies = dataclasses.replace(config, remedies=tuple(remedy.__name__ for remedy in REMEDIES))
        built = ablation.build(ablation.Config(BACKBONE, remedies)).quantizer
        assert tuple(map(type, built.remedies)) == REMEDIES

    @pytest.mark.parametrize("kind", ARRANGEMENTS, ids=lambda kind: kind.__name__)
    def test_every_quantizer_carries_the_backbone(self, kind: type) -> None:
        """Codes of any depth decode to what the codec makes of the wav, at the rate that the config asks for."""
        torch.manual_seed(0)
        codec = ablation.build(ablation.Config(BACKBONE, ablation.QuantizerConfig(quantizer=kind.__name__))).eval()
        wav = 0.1 * torch.randn(2, 1, 3200)
        for depth in natural_depths(codec.num_codebooks):
            decoded = codec.decode(codec.encode(wav, depth), 3200)
            torch.testing.assert_close(decoded, codec(wav, depth).wav, rtol=0, atol=1e-5)
        sizes = codec.quantizer.codebook_sizes
        assert all(240 <= size <= 256 for size in sizes)
        assert len(sizes) == {"VectorQuantizer": 1, "Continuous": 0}.get(kind.__name__, 4)

    def test_projections_start_at_the_leading_dimensions(self) -> None:
        """Stage after stage: together they carry the first K d of them as they are, and nothing of the others."""
        config = ablation.QuantizerConfig(quantizer="ProjectedQuantizer(dim=8)")
        stages = ablation.build(ablation.Config(BACKBONE, config)).quantizer.levels
        latents = torch.randn(2, 64, 5)
        carried = sum(stage.out(stage.into(latents)) for stage in stages)
        assert torch.equal(carried[:, :32], latents[:, :32])
        assert not carried[:, 32:].any()

    def test_its_config_survives_json(self) -> None:
        config = ablation.Config(quantizer=ablation.QuantizerConfig(remedies=("KMeansInit(iterations=3)",)))
        assert config_from_json(ablation.Config, json.loads(json.dumps(dataclasses.asdict(config)))) == config

    def test_every_cell_of_the_recipe_can_be_built(self) -> None:
        grid = read_grid(RECIPE)
        for cell in grid.cells.values():
            ablation.build(grid.config(cell, 0, "").codec)
        assert len(grid.cells) >= 12
        assert len(grid.seeds) >= 2
        assert re.search(r"gradient", " ".join(group.question for group in grid.groups))
