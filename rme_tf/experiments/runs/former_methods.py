"""Former names of methods, with their present spelling: base method and differences.

Records keep the name under which they were written, and tables show it. A study finds such a record by its
configuration: see `run_study`.
"""

import re
from collections.abc import Mapping
from typing import Any

from rme_tf.experiments.reports.run_names import method_name

TWO_THIRDS = "2/3"  # of the epochs
ANNEALED: dict[str, Any] = {"algorithm.kl_weight": "linear"}
LEARNED: dict[str, Any] = {"mixing": "learned"}

FORMER: dict[str, tuple[str, dict[str, Any]]] = {
    "vae_annealed": ("vae", ANNEALED),
    "vae_5_samples": ("vae", {"algorithm.num_samples": 5}),
    "vae_mixture_prior": ("vae", {"prior": "mixture"}),
    "vae_vamp": ("vae", {"prior": "vamp"}),
    "vae_vamp_annealed": ("vae", {"prior": "vamp", **ANNEALED}),
    "vae_hierarchical": ("vae", {"prior": "hierarchical"}),
    "vae_hierarchical_annealed": ("vae", {"prior": "hierarchical", **ANNEALED}),
    "full_normal": ("vae", {"posterior": "full_normal"}),
    **{f"householder{number}": ("householder", {"posterior.num_reflections": number}) for number in (1, 2, 4, 8)},
    **{f"iaf{number}": ("iaf", {"posterior.num_steps": number}) for number in (1, 2, 4, 8)},
    "iwae50": ("iwae", {"algorithm.num_samples": 50}),
    "iwae_dreg": ("iwae", {"algorithm.gradient": "dreg"}),
    **{f"sa{number}": ("sa", {"refinement.steps": number}) for number in (1, 2, 4, 8)},
    "me_shared": ("me", {"trunk": "shared"}),
    "me_learned": ("me", {**LEARNED, "algorithm.warm_start_epochs": 0}),
    "misvae_s2s": ("misvae", {"algorithm.estimator": "s2s"}),
    "misvae20": ("misvae", {"components": 20}),
    "misvae50": ("misvae", {"components": 50}),
    "rme_sequential": ("rme", {"algorithm.update": "sequential"}),
    "rme1_sequential": ("rme", {"components": 1, "algorithm.update": "sequential"}),
    "rme_clamp": ("rme", {"algorithm.bound": "clamp"}),
    **{f"rme_c{bound}": ("rme", {"algorithm.kl_bound": bound}) for bound in (1, 5, 500)},
    "rme_warm1": ("rme", {"algorithm.warm_start_epochs": 1}),
    "rme_learned": ("rme", LEARNED),
    "rme_bounded": ("rme", {**LEARNED, "mixing.eps_min": 0.1}),
    "rme_uniform_decoder": ("rme", {**LEARNED, "algorithm.decoder_weights": "uniform"}),
    "rme_smaller": ("rme", {"later_width": 0.5}),
    "rme_polished": ("rme", {"algorithm.polish_epoch": TWO_THIRDS}),
    "rme_polished_learned": (
        "rme",
        {**LEARNED, "algorithm.polish_epoch": TWO_THIRDS, "algorithm.weights_from_polish": True},
    ),
    "rme_annealed": ("rme", ANNEALED),
    "rme_vamp": ("rme", {"prior": "vamp"}),
    "rme_vamp_annealed": ("rme", {"prior": "vamp", **ANNEALED}),
    "rme_hierarchical": ("rme", {"prior": "hierarchical"}),
    "rme_hierarchical_annealed": ("rme", {"prior": "hierarchical", **ANNEALED}),
    **{f"rme_{trunk}": ("rme", {"trunk": trunk}) for trunk in ("shared", "conditioned", "recurrent", "amortised")},
    **{f"bvi_{weight:g}": ("bvi", {"algorithm.entropy_weight": weight}) for weight in (0.1, 0.3, 3.0)},
}


def spelling_of(name: str, methods: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Returns the present spelling of a former or recorded name.

    Args:
        name: name of an earlier version, or of a record, with M: "rme_c500", "rme_c500_m5", "rme5".
        methods: present methods, name -> fields.

    Returns:
        spelling: name for `--methods`, such as "rme[kl_bound=500,components=5]"; None for any other name.
    """
    if name in methods:
        return name
    size: dict[str, str] = {}
    match = re.fullmatch(r"(.*?)(?:_m)?([1-9]\d*)", name)
    if name not in FORMER and match is not None:
        name, size = match[1], {"components": match[2]}
    base, differences = FORMER.get(name, (name, {}))
    if base not in methods or (size and "components" in {*differences, *methods[base]}):
        return None
    words = {field.split(".")[-1]: str(value) for field, value in differences.items()}
    return method_name(base, {**words, **size})
