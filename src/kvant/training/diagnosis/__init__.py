"""The doctor: what a run's numbers say about its health, in plain words.

`examination` measures a codec on a batch, `records` keeps the figures, `symptoms` judges them; `doctor` does all three
in the training loop. `records` and `symptoms` need no torch.
"""
