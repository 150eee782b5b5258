"""A positive control: inference where the true posterior must have several modes.

Which share of the modes do one Gaussian, a mixture encoder, RME and IAF cover, and what gap is left? Decoders x = |z|
with noise (four equal modes); --decoders also has digits through |z_1| (two mirrored modes) and digits with a hidden
half. Where RME does not win: is it the barrier C, the warm start, the noise of the copies, or the weights?

    python recipes/two_modes.py --record recipes/results/inference/two_modes.jsonl

Five minutes on one CPU core; the same command resumes. The contrasts were fixed before the recorded runs, after a trial
with one seed. The answer is in docs/studies/two_modes.md.
"""

import dataclasses

from rme_tf import experiments

DECODERS = {
    "absolute": experiments.Decoder(absolute=True, scale=0.1),
    "mirrored": experiments.Decoder(folded=True),
    "hidden": experiments.Decoder(hidden="lower_half"),
}
GAUSSIAN, IAF = experiments.Inference(), experiments.Inference(posterior="iaf")
ME4, RME4 = experiments.Inference(components=4), experiments.Inference(components=4, barrier=2.0)  # C = log M + 2
MAIN = {"gaussian": GAUSSIAN, "me4": ME4, "rme4_c2": RME4, "iaf": IAF}
CAUSES = {
    "rme4_c20": dataclasses.replace(RME4, barrier=20.0),
    "rme4_c20_polish": dataclasses.replace(RME4, barrier=20.0, polish=15),  # the second half ascends the ELBO
    "rme4_cold": dataclasses.replace(RME4, warm_start_epochs=0),
    "rme4_noise": dataclasses.replace(RME4, warm_start_noise=0.3),
    "rme4_learned": dataclasses.replace(RME4, mixing="learned"),
    "me4_cold": dataclasses.replace(ME4, warm_start_epochs=0),
}
CONTRASTS = [("rme4_c2", other) for other in ("gaussian", "me4", "iaf")]
OF_CAUSES = [(cause, "rme4_c2") for cause in CAUSES if cause.startswith("rme")] + [
    ("rme4_cold", "me4_cold"),
    ("rme4_c20_polish", "me4_cold"),
]
INFERENCES = MAIN | CAUSES


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(experiments.InferenceFields):
    """Decoders with several modes, and training and evaluation of inference on them."""

    decoders: tuple[str, ...] = ("absolute",)


if __name__ == "__main__":
    options = experiments.parse(Options(), __doc__)
    plan = {name: tuple(INFERENCES if name == "absolute" else MAIN) for name in options.decoders}
    experiments.run_inferences(options, DECODERS, INFERENCES, plan)
