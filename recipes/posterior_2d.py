"""Components over a true posterior in 2-D: which modes do they miss?

Why does a component of a conventional mixture miss a mode? For decoders with D = 2, x = |z| with noise and digits with
a hidden half: the modes that RME's components cover as they join, and a mixture encoder's; then modes that ascent of
each observation's ELBO covers, from the encoders' output and from four starts. If the first ascent misses them too,
they are local optima; if it finds them, amortization is to blame. Figures of the posteriors are written to `--out`, and
the objectives of a second component on the line between two modes are recorded.

    python recipes/posterior_2d.py --record recipes/results/posterior_2d.jsonl

Five minutes on one CPU core; the same command resumes. The answer is in docs/studies/posterior_2d.md.
"""

import dataclasses

from rme_tf import experiments

DECODERS = {
    "absolute": experiments.Decoder(absolute=True, scale=0.1),
    "hidden": experiments.Decoder(hidden="lower_half"),
}
ME4, RME4 = experiments.Inference(components=4), experiments.Inference(components=4, barrier=2.0)  # C = log M + 2
INFERENCES = {
    "me4": ME4,
    "rme4_c2": RME4,
    "me4_cold": dataclasses.replace(ME4, warm_start_epochs=0),
    "rme4_cold": dataclasses.replace(RME4, warm_start_epochs=0),
}
SHOWN = {"RME": "rme4_cold", "mixture encoder": "me4_cold"}  # rows of the figures, one for each of RME's Q_0 ... Q_3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(experiments.InferenceFields):
    """Training and evaluation of inference on two decoders."""

    out: str = "runs/posterior_2d"


if __name__ == "__main__":
    experiments.run_growth(experiments.parse(Options(), __doc__), DECODERS, INFERENCES, SHOWN)
