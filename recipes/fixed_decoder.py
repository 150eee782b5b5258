"""Inference gaps on frozen decoders: one Gaussian, mixtures, RME and IAF.

How much of a gap is the family's, and how much is amortization? Does RME close more of it than a mixture encoder of the
same size, and what closes amortization: more steps, or refinement? For a decoder of binary digits with D = 2, against
log p(x) by a grid. --decoders also has bernoulli_10, bernoulli_20 (by AIS) and normal_2, a Gaussian with a scale of
0.1; --methods also has other C, M = 2 and 8, a larger encoder and observations from the decoder.

    python recipes/fixed_decoder.py --record recipes/results/inference/fixed_decoder.jsonl

Three minutes on one CPU core; the same command resumes. The contrasts were fixed before the recorded runs, after a
trial with one seed. The answer is in docs/studies/fixed_decoder.md.
"""

import dataclasses
from typing import Any

from rme_tf import experiments

DECODERS = {
    "bernoulli_2": experiments.Decoder(),
    "bernoulli_10": experiments.Decoder(latent_dim=10),
    "bernoulli_20": experiments.Decoder(latent_dim=20),
    "normal_2": experiments.Decoder(scale=0.1),
}
GAUSSIAN, ME4 = experiments.Inference(), experiments.Inference(components=4)
RME4 = experiments.Inference(components=4, barrier=2.0)  # C = log M + 2
MAIN = {
    "gaussian": GAUSSIAN,
    "me4": ME4,
    **{f"rme4_c{barrier}": dataclasses.replace(RME4, barrier=float(barrier)) for barrier in (0, 2, 5)},
    "iaf": experiments.Inference(posterior="iaf"),
}
SIZES = {f"me{count}": dataclasses.replace(ME4, components=count) for count in (2, 8)}
SIZES |= {f"rme{count}_c2": dataclasses.replace(RME4, components=count) for count in (2, 8)}
CHANGES: dict[str, dict[str, Any]] = {"long": {"longer": 4}, "large": {"units": (256, 256)}}
CHANGES |= {"draws": {"draws": True}, "refined": {"refined": 1}}
REMEDIES = {f"gaussian_{change}": dataclasses.replace(GAUSSIAN, **fields) for change, fields in CHANGES.items()}
REMEDIES |= {f"rme4_c2_{change}": dataclasses.replace(RME4, **fields) for change, fields in CHANGES.items()}
INFERENCES = MAIN | SIZES | REMEDIES
CHANGED = ("gaussian_long", "gaussian_refined", "rme4_c2_refined")
COMMON = ("gaussian", "me4", "rme4_c2", "iaf")  # on every decoder
CONTRASTS = [("rme4_c2", other) for other in ("gaussian", "me4", "iaf")]
OF_REMEDIES = [(name, name.rpartition("_")[0]) for name in CHANGED]
OF_BARRIERS = [("rme4_c0", "rme4_c2"), ("rme4_c5", "rme4_c2")]  # not recorded yet


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(experiments.InferenceFields):
    """Frozen decoders, and training and evaluation of inference on them."""

    decoders: tuple[str, ...] = ("bernoulli_2",)
    methods: tuple[str, ...] = (*COMMON, *CHANGED)


if __name__ == "__main__":
    options = experiments.parse(Options(), __doc__)
    common = [name for name in options.methods if name in COMMON]
    plan = {name: options.methods if name == "bernoulli_2" else common for name in options.decoders}
    experiments.run_inferences(options, DECODERS, INFERENCES, plan)
