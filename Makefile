# `make demo` and `make test` set up everything they need in .venv, from Python 3.11 or newer.
PYTHON ?= python3
VENV ?= .venv
# The CPU build is enough for everything here; any torch from 2.6 on will do.
TORCH ?= torch==2.13.0

.PHONY: demo test lint bench table ablation lab bench-quantizers bench-codecs codecs figure clean

demo: $(VENV)/.core
	$(VENV)/bin/kvant demo --force --output demo

# Two files of tests at a time, each file in one process: what its tests share is made once.
test: $(VENV)/.peers lint
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(VENV)/.core
	$(VENV)/bin/python benchmarks/speed.py

bench-quantizers: $(VENV)/.peers
	$(VENV)/bin/python benchmarks/quantizers.py

# The corpus, the closed form that training starts from, and both measured beside Opus, Codec2 and Speex: some twenty
# minutes, and again as much for the refined codes. The report with its plot and players is then in runs/table.
table: $(VENV)/.eval
	$(VENV)/bin/kvant data fetch voices --force --cache corpus/packages --output corpus/voices-24k
	$(VENV)/bin/kvant train recipes/voice_24khz.py corpus=corpus/voices-24k \
		phases.0.steps=0 --output runs/closed-form
	$(VENV)/bin/kvant export --force runs/closed-form/start/model.safetensors
	$(VENV)/bin/kvant eval Kvant=kvant-voice-24k 'its start=runs/closed-form/start' --data corpus/voices-24k/test \
		--clips 24 --beam 1,4 --variable --refine 30 --jobs 2 --force --output runs/table
	cp runs/table/table.md docs/voice-24k.md
	cp runs/table/results.json docs/voice-24k.json
	$(VENV)/bin/python recipes/model_card.py kvant-voice-24k docs/voice-24k

# Every cell of the grid with every seed: an hour on one core, half of it with `JOBS=2` on two.
JOBS ?= 1
ablation: $(VENV)/.eval
	$(VENV)/bin/kvant ablate recipes/ablation.toml --data corpus/voices-24k --output runs/ablation --jobs $(JOBS) --resume
	cp runs/ablation/ablation.md runs/ablation/ablation.png runs/ablation/ablation.csv runs/ablation/ablation.json docs/

# All experiments of the laboratory, and docs/laboratory.md with their findings, ten minutes; that page says how to get the
# speech and the music. A check that does not hold (4) is reported, and fails in the end; a run that broke off is not.
LAB_CORPUS ?= corpus/voices-24k
lab: $(VENV)/.dev
	$(VENV)/bin/kvant lab run --data $(LAB_CORPUS) --output runs/lab; found=$$?; \
		if [ $$found -ne 0 ] && [ $$found -ne 4 ]; then exit $$found; fi; \
		$(VENV)/bin/kvant lab report --output runs/lab --markdown docs/laboratory.md && exit $$found

# The table of known codecs, some minutes.
codecs: $(VENV)/.dev
	$(VENV)/bin/python recipes/codecs_table.py docs/codecs/README.md

# Known codecs beside their official packages: nothing else should run meanwhile.
bench-codecs: $(VENV)/.peers
	$(VENV)/bin/kvant bench codecs --engine torch,onnxruntime

figure: $(VENV)/.core
	$(VENV)/bin/kvant demo --force --output demo
	cp demo/spectrograms.png docs/spectrograms.png
	$(VENV)/bin/python recipes/training_curves.py docs/training-run/history.jsonl docs/training-run/curves.png

$(VENV)/.core: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Kvant needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/bin/python -m pip install --quiet --editable '.[plot]'
	touch $@

$(VENV)/.dev: $(VENV)/.core
	$(VENV)/bin/python -m pip install --quiet '$(TORCH)'
	$(VENV)/bin/python -m pip install --quiet --editable '.[dev]'
	touch $@

# The official packages of known codecs, beside which ours are tested.
$(VENV)/.peers: $(VENV)/.dev tests/peers/packages.txt
	$(VENV)/bin/python -m pip install --quiet --editable '.[peers]'
	$(VENV)/bin/python -m pip install --quiet --no-deps --requirement tests/peers/packages.txt
	rm -rf $(VENV)/lib/python*/site-packages/tests  # one of them leaves its own there, before which ours are not found
	touch $@

$(VENV)/.eval: $(VENV)/.dev
	$(VENV)/bin/python -m pip install --quiet --editable '.[eval]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist
