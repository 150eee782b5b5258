"""Runs of inferences on frozen decoders, with gaps and modes."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from rme_tf.core.registry import lookup
from rme_tf.core.types import Encoding
from rme_tf.core.validation import require
from rme_tf.experiments.studies.fields import InferenceFields
from rme_tf.experiments.studies.frozen_decoders import SPLITS, Decoder, frozen_decoder
from rme_tf.experiments.studies.inferences import Inference, refined, trained
from rme_tf.experiments.studies.measurements import (
    best_of,
    elbo_of,
    mean_component_kl,
    mode_metrics,
    rounded,
    shape_of,
    true_log_likelihood,
)
from rme_tf.experiments.studies.results import StudyFolder
from rme_tf.models.vae import VAE

TRUTH, OPTIMUM = "truth", "optimum"  # records of log p(x), and of the best posteriors of M Gaussians
RATES = (0.003, 0.01, 0.03, 0.1)  # of refinement, among which the training observations choose


def run_inferences(
    fields: InferenceFields,
    decoders: Mapping[str, Decoder],
    inferences: Mapping[str, Inference],
    plan: Mapping[str, Sequence[str]],
) -> list[dict[str, Any]]:
    """Returns the records of inferences on frozen decoders.

    Each method is trained under each seed. Its ELBOs are recorded observation by observation, with log p(x) in a record
    of its own for each decoder, and the ELBOs of the best mixtures of M Gaussians in one for each M. A flow has the
    best posteriors of its own networks, under the first seed. Finished models and records are kept in `out`, so that
    the call resumes.

    Args:
        fields: data, training and evaluation.
        decoders: decoders by name.
        inferences: methods by name.
        plan: names of the methods by the name of the decoder.

    Raises:
        ValueError: for a name in the plan that is unknown, or a folder of another study.
    """
    for name, methods in plan.items():
        lookup(decoders, name, "decoder of a plan")
        require(len(set(methods)) == len(methods), "plan", "name each method of a decoder once", list(methods))
        for method in methods:
            lookup(inferences, method, "method of a plan")
    fields = fields.resolved()
    folder = StudyFolder(fields.out, fields.settings, "gaps")
    for name, methods in (_shortest(plan) if fields.smoke else plan).items():
        chosen = {method: inferences[method] for method in methods}
        InferenceRuns(name, decoders[name], fields, folder).all(chosen)
    folder.write(fields.record)
    return folder.records


def _shortest(plan: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Returns the first and the last method on the first decoder of a plan."""
    name, methods = next(iter(plan.items()))
    return {name: list(dict.fromkeys([methods[0], methods[-1]]))}


class InferenceRuns:
    """Runs of inferences on one decoder.

    Args:
        name: name of the decoder.
        decoder: choices of the decoder.
        fields: data, training and evaluation.
        folder: folder of the study.
    """

    def __init__(self, name: str, decoder: Decoder, fields: InferenceFields, folder: StudyFolder):
        self.name, self.fields, self.folder = name, fields, folder
        self.frozen = frozen_decoder(name, decoder, fields, folder)
        self.log_likelihood: dict[str, np.ndarray] = {}

    def all(self, inferences: Mapping[str, Inference]) -> None:
        """Adds the records of log p(x), best posteriors and methods."""
        self.know_log_likelihood()
        families: dict[int, Inference] = {}
        for inference in inferences.values():
            if inference.posterior == "diag_normal":
                families.setdefault(inference.components, inference)
        for count, first in sorted(families.items()):
            self.record(f"{OPTIMUM}_{count}", 0, functools.partial(self.optimum, first))
        for seed in range(self.fields.seeds):
            for method, inference in inferences.items():
                self.record(method, seed, functools.partial(self.measured, inference, seed), inference)

    def know_log_likelihood(self) -> None:
        """Adds the record of log p(x), which searches read."""
        truth = self.record(TRUTH, 0, self.truth)
        self.log_likelihood = {split: np.array(truth["metrics"][split]["log_likelihood"]) for split in SPLITS}

    def record(self, method: str, seed: int, measure, inference: Inference | None = None) -> dict[str, Any]:
        """Returns the record of a method."""
        choices = {} if inference is None else {"inference": inference.choices}
        return self.folder.record(method, {"decoder": self.name, "seed": seed, **choices}, measure)

    def truth(self) -> dict[str, Any]:
        """Returns log p(x) of the observations of each split."""
        model, metrics = self.untrained(1), {}
        for split, x in self.frozen.observed.items():
            values, by = true_log_likelihood(model, x, self.fields)
            metrics[split] = {"log_likelihood": rounded(values), "estimator": by}
        return metrics

    def untrained(self, count: int) -> VAE:
        """Returns a model with the frozen decoder and fresh encoders of Gaussians."""
        keras.utils.set_random_seed(0)
        options = {"encoder": "mlp", "encoder_options": {"units": (8,)}, "seed": 0, **self.frozen.options}
        return VAE.from_names(decoder=self.frozen.model.decoder, num_components=count, **options)

    def optimum(self, inference: Inference) -> dict[str, Any]:
        """Returns ELBOs and modes of the best mixtures of Gaussians.

        One start of the search is the method under the first seed.
        """
        model, metrics = self.model(inference, 0), {}
        for split, x in self.frozen.observed.items():
            best = best_of(model, x, self.log_likelihood[split], self.fields)
            metrics[split] = {"elbo": rounded(best.optimal_elbo), "converged": rounded(best.converged.mean())}
            if model.latent_dim == 2:
                shape = shape_of(model, x, self.fields, Encoding(best.params, best.log_alpha))
                metrics[split]["modes"] = mode_metrics(shape)
        return metrics

    def measured(self, inference: Inference, seed: int) -> dict[str, Any]:
        """Returns ELBOs and modes of a method under a seed."""
        base = self.model(inference, seed)
        model, rate = self.refined(base, inference.refined)
        metrics: dict[str, Any] = {} if rate is None else {"rate": rate}
        for split, x in self.frozen.observed.items():
            metrics[split] = {"elbo": rounded(elbo_of(model, x, self.fields))}
        x, test = self.frozen.observed["test"], metrics["test"]
        if model.latent_dim == 2:
            test["modes"] = mode_metrics(shape_of(model, x, self.fields))
        if inference.posterior != "diag_normal" and seed == 0:  # its networks are its own family
            best = best_of(model, x, self.log_likelihood["test"], self.fields, starts=2, rounds=3)
            test |= {"optimal_elbo": rounded(best.optimal_elbo), "converged": rounded(best.converged.mean())}
        return {**metrics, "component_kl": mean_component_kl(model, x)}

    def model(self, inference: Inference, seed: int) -> VAE:
        """Returns the trained model of a method, without refinement."""
        choices = {name: value for name, value in inference.choices.items() if name != "refined"}
        name = "_".join(str(value).replace(" ", "") for value in choices.values())
        return self.folder.model(
            f"{self.name}_{name}_seed{seed}", lambda: trained(self.frozen, inference, seed, self.fields)
        )

    def refined(self, model: VAE, steps: int) -> tuple[VAE, float | None]:
        """Returns the model with refinement, if any, and its rate."""
        if steps == 0:
            return model, None
        x = self.frozen.observed["train"]
        models = {rate: refined(model, steps, rate) for rate in RATES}
        elbos = {rate: elbo_of(ascent, x, self.fields).mean() for rate, ascent in models.items()}
        best = max(elbos, key=lambda rate: elbos[rate])
        return models[best], best
