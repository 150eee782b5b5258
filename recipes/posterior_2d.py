"""Components over a true posterior in 2-D: which modes do they miss?

Why does a component of a conventional mixture miss a mode? For x = |z| with noise, whose posteriors have four modes:
those that RME's components cover as they join, and a mixture encoder's; then modes that ascent of each observation's
ELBO covers, from the encoders' output and from four starts. If the first ascent misses them too, they are local optima;
if it finds them, amortization is to blame. A figure of these posteriors is written to `--out`, and the objectives of a
second component on the line between two modes are recorded.

    python recipes/posterior_2d.py --record recipes/results/inference/posterior_2d.jsonl

Three minutes on one CPU core, with the models of recipes/two_modes.py; the same command resumes. The answer is in
docs/studies/posterior_2d.md.
"""

import dataclasses

from rme_tf import experiments

DECODERS = {"absolute": experiments.Decoder(absolute=True, scale=0.1)}
ME4, RME4 = experiments.Inference(components=4), experiments.Inference(components=4, barrier=2.0)  # C = log M + 2
INFERENCES = {
    "me4": ME4,
    "rme4_c2": RME4,
    "me4_cold": dataclasses.replace(ME4, warm_start_epochs=0),
}
PLAN = {"absolute": tuple(INFERENCES)}
SHOWN = {"RME": "rme4_c2", "mixture encoder": "me4"}  # rows of the figures, one for each of RME's Q_0 ... Q_3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(experiments.InferenceFields):
    """Training and evaluation of inference on the decoder."""


if __name__ == "__main__":
    experiments.run_growth(experiments.parse(Options(), __doc__), DECODERS, INFERENCES, PLAN, SHOWN)
