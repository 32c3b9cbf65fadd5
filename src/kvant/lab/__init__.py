"""The laboratory: decisive experiments, one file each, minutes on a laptop, with a figure and asserted outcomes.

Importing this loads no torch: the modules of the experiments are imported when they run.
"""

EXPERIMENTS: dict[str, str] = {
    "a1-gradient-atlas": "kvant.lab.a1_gradient_atlas",
    "a2-bias-variance": "kvant.lab.a2_bias_variance",
    "a3-forget-the-copy": "kvant.lab.a3_forget_the_copy",
    "a4-tiny-codec-per-estimator": "kvant.lab.a4_tiny_codec_per_estimator",
    "b1-collapse-on-demand": "kvant.lab.b1_collapse_on_demand",
    "b2-remedies-ladder": "kvant.lab.b2_remedies_ladder",
    "b3-restart-threshold-trap": "kvant.lab.b3_restart_threshold_trap",
    "b4-entropy-bias": "kvant.lab.b4_entropy_bias",
    "b5-dropout-dose": "kvant.lab.b5_dropout_dose",
    "c1-domain-shift": "kvant.lab.c1_domain_shift",
    "c2-band-limit-trap": "kvant.lab.c2_band_limit_trap",
    "c3-free-bits": "kvant.lab.c3_free_bits",
    "c4-rate-distortion-toys": "kvant.lab.c4_rate_distortion_toys",
    "c5-variable-rate": "kvant.lab.c5_variable_rate",
}
"""Name -> module that sets `EXPERIMENT`, in the order of the report."""

TITLES: dict[str, str] = {
    "a1-gradient-atlas": "Six gradient estimators teach six different things",
    "a2-bias-variance": "Gradients of a drawn code: exact, calm, or neither",
    "a3-forget-the-copy": "Forget the straight-through copy, and the codebook dies or feigns life",
    "a4-tiny-codec-per-estimator": "On a real codec five of six estimators nearly tie in SNR",
    "b1-collapse-on-demand": "The larger a codebook left alone, the emptier it gets",
    "b2-remedies-ladder": "A ladder of remedies: codes in use are not yet quality",
    "b3-restart-threshold-trap": "A restart threshold in latents churns in small batches",
    "b4-entropy-bias": "Count too few frames, and every codebook looks half dead",
    "b5-dropout-dose": "Level dropout: few levels gain a little, all of them pay",
    "c1-domain-shift": "Specialists win at home, and balancing keeps most of what each has",
    "c2-band-limit-trap": "What a corpus lacks, a codec learns to leave out",
    "c3-free-bits": "Codes carry what the frames before already told",
    "c4-rate-distortion-toys": "A beam wins back what greedy residual search loses",
    "c5-variable-rate": "Bits go where the frames change",
}
"""Name -> title, as the experiment itself has it."""
