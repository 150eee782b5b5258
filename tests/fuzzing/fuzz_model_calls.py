"""Valid arguments of public functions and methods of models."""

import numpy as np

import public_calls
import rme_tf
import rme_tf.data as sets
from fuzz_fitting import SMALL, compiled, fitted, watched
from public_calls import X, Z, bounds_of, encoded, inferred, model_of, stepwise
from rme_tf import algorithms, callbacks, evaluation, refinements

QUICK = {"progress": False, "batch_size": 3}
MODEL = {"model": lambda: model_of()}
OF_X = {**MODEL, "x": X}


# Entry point -> (callable, valid arguments). Arguments that are functions without arguments are made when used.
OF_MODELS = {
    "bounds": (rme_tf.bounds, {**OF_X, "num_samples": 4, "seed": 0, **QUICK}),
    "log_likelihood": (rme_tf.log_likelihood, {**OF_X, "num_samples": 4, "seed": 0, **QUICK}),
    "collapse_report": (
        rme_tf.collapse_report,
        {**MODEL, "data": X, "num_samples": 1, "max_observations": 6, "batch_size": 3, "seed": 0},
    ),
    "impute": (rme_tf.impute, {**OF_X, "num_samples": 2, "importance_samples": 4, "seed": 0, "batch_size": 3}),
    "impute_mean": (rme_tf.impute_mean, {**OF_X, "importance_samples": 4, "seed": 0, "batch_size": 3}),
    "imputation_scores": (
        rme_tf.imputation_scores,
        {**OF_X, "complete": X, "importance_samples": 4, "seed": 0, "batch_size": 3},
    ),
    "hide": (rme_tf.hide, {"x": X, "seen": X > 0}),
    "interpolate": (rme_tf.interpolate, {**MODEL, "first": Z, "second": Z, "steps": 2, "seed": (0, 0)}),
    "nearest_neighbors": (rme_tf.nearest_neighbors, {"codes": Z, "queries": Z, "k": 2}),
    "generate": (
        rme_tf.generate,
        {
            "model": stepwise,
            "z": Z,
            "seed": (0, 0),
            "strategy": "sample",
            "max_length": 3,
            "temperature": 1.0,
            "top_k": 2,
            "top_p": 0.9,
        },
    ),
    "lookup": (rme_tf.lookup, {"table": {"a": 1}, "name": "a", "kind": "letter"}),
    "fit": (
        lambda **options: fitted(options),
        {
            "x": X,
            "batch_size": 3,
            "epochs": 1,
            "callbacks": None,
            "validation_data": X,
            "validation_split": 0.0,
            "shuffle": True,
            "initial_epoch": 0,
            "steps_per_epoch": 1,
            "class_weight": None,
            "sample_weight": None,
            "y": None,
            "verbose": 0,
            "validation_freq": 1,
        },
    ),
    "compile": (
        lambda **options: compiled(options),
        {
            "optimizer": "sgd",
            "algorithm": "elbo",
            "loss": None,
            "metrics": None,
            "jit_compile": False,
            "steps_per_execution": 1,
            "auto_scale_loss": True,
        },
    ),
    "from_names": (
        rme_tf.VAE.from_names,
        {
            **SMALL,
            "num_components": 2,
            "posterior": "diag_normal",
            "likelihood": "bernoulli",
            "prior": "standard_normal",
            "mixing": "uniform",
            "mixing_network": None,
            "trunk": None,
            "refinement": None,
            "missing": False,
            "posterior_options": None,
            "likelihood_options": None,
            "prior_options": None,
            "mixing_options": None,
            "trunk_options": None,
            "refinement_options": None,
            "missing_options": None,
            "seed": 0,
            "name": "vae",
            "dtype": None,
            "trainable": True,
        },
    ),
    "sample": (lambda **options: model_of().sample(**options), {"num_samples": 2, "seed": (0, 0)}),
    "render": (lambda **options: model_of().render(**options), {"z": Z, "seed": (0, 0)}),
    "codes": (lambda **options: model_of().codes(**options), {"x": X, "which": 0, "seed": 0}),
    "encode": (lambda **options: model_of().encode(**options), {"x": X, "seed": 0}),
    "infer": (lambda **options: model_of().infer(**options), {"x": X, "seed": 0}),
    "reconstruct": (lambda **options: model_of().reconstruct(**options), {"x": X, "seed": (0, 0)}),
    "interpolate, method": (
        lambda **options: model_of().interpolate(**options),
        {"x_first": X, "x_second": X, "steps": 2, "draw": False, "which": None, "seed": (0, 0)},
    ),
    "log_probs": (
        lambda **options: model_of().log_probs(**options),
        {"x": X, "num_samples": 2, "seed": (0, 1), "num_components": None},
    ),
    "predict": (
        lambda **options: model_of().predict(**options),
        {"x": X, "batch_size": 3, "verbose": 0, "steps": None},
    ),
    "evaluate": (
        lambda **options: model_of().evaluate(**options),
        {"x": X, "y": None, "batch_size": 3, "verbose": 0, "steps": None, "return_dict": True, "sample_weight": None},
    ),
    "infer, sample": (lambda **options: inferred(model_of()).sample(**options), {"num_samples": 2, "seed": (0, 0)}),
    "annealed_importance": (
        evaluation.annealed_importance,
        {
            **OF_X,
            "num_temperatures": 2,
            "num_chains": 2,
            "num_leapfrog_steps": 1,
            "schedule": "sigmoid",
            "start": "prior",
            "seed": 0,
            "path": None,
            **QUICK,
        },
    ),
    "bidirectional_bounds": (
        evaluation.bidirectional_bounds,
        {
            **MODEL,
            "num_observations": 2,
            "num_temperatures": 2,
            "num_chains": 2,
            "num_leapfrog_steps": 1,
            "schedule": "sigmoid",
            "start": "prior",
            "max_length": 5,
            "seed": 0,
            "path": None,
            **QUICK,
        },
    ),
    "inference_gaps": (
        evaluation.inference_gaps,
        {
            **OF_X,
            "num_samples": 4,
            "refined": False,
            "search": public_calls.QUICK,
            "seed": 0,
            "path": None,
            "log_likelihood": None,
            **QUICK,
        },
    ),
    "proposal_quality": (evaluation.proposal_quality, {**OF_X, "num_samples": 25, "seed": 0, **QUICK}),
    "posterior_shape": (
        evaluation.posterior_shape,
        {**OF_X, "num": 10, "least_mass": 0.05, "least_depth": 0.1, "covered_share": 0.1, "encoding": None, **QUICK},
    ),
    "find_modes": (
        evaluation.find_modes,
        {
            **OF_X,
            "num_starts": 4,
            "steps": 3,
            "seed": 0,
            "least_mass": 0.05,
            "least_depth": 0.1,
            "covered_share": 0.1,
            **QUICK,
        },
    ),
    "sampled_modes": (
        evaluation.sampled_modes,
        {
            **OF_X,
            "num_chains": 2,
            "num_temperatures": 2,
            "steps": 10,
            "seed": 0,
            "path": None,
            "least_mass": 0.05,
            "least_depth": 0.1,
            "covered_share": 0.1,
            **QUICK,
        },
    ),
    "component_distances": (evaluation.component_distances, {**OF_X, "num_samples": 2, "seed": 0, "batch_size": 3}),
    "decoder_report": (evaluation.decoder_report, {**OF_X, "num_samples": 2, "seed": 0, **QUICK}),
    "inference_milliseconds": (evaluation.inference_milliseconds, {**OF_X, "batch_size": 2, "repeats": 1}),
    "summarize": (evaluation.summarize, {**OF_X, "values": lambda: bounds_of(model_of())}),
    "bits_per_dimension": (evaluation.bits_per_dimension, {"nats": -5.0, "likelihood": lambda: model_of().likelihood}),
    "perplexity": (evaluation.perplexity, {"log_likelihood": np.array([-3.0, -4.0]), "num_tokens": 7}),
    "pareto_k": (evaluation.pareto_k, {"log_weights": np.random.default_rng(0).normal(size=(100, 3))}),
    "linear_probe": (
        evaluation.linear_probe,
        {
            **MODEL,
            "splits": lambda: sets.ImageSplits(X, X, X),
            "labels": lambda: sets.Labels(*[np.arange(6) % 2] * 3, ("a", "b")),
            "strengths": (1.0,),
        },
    ),
    "gap_table": (evaluation.gap_table, {"gaps": {}}),
    "CollapseMonitor": (
        lambda **options: watched(options),
        {
            "data": X,
            "every": 1,
            "max_observations": 6,
            "num_samples": 1,
            "batch_size": 3,
            "seed": 0,
            "per_dimension": False,
            "warn": False,
            "patience": 2,
        },
    ),
    "HalveOnPlateau": (
        callbacks.HalveOnPlateau,
        {
            "learning_rate": 0.1,
            "patience": 1,
            "history": {},
            "start_epoch": 0,
            "max_halvings": None,
            "best": None,
            "best_from": 0,
        },
    ),
    "ResetDecoder": (callbacks.ResetDecoder, {"epoch": 1, "initialize": None}),
    "Showcase": (callbacks.Showcase, {"data": X, "count": 2, "to_text": None, "choices": None, "seed": 0}),
    "TensorBoardLogger": (
        callbacks.TensorBoardLogger,
        {"log_dir": "logs", "data": X, "labels": None, "every": 1, "num_codes": 4, "showcase": None},
    ),
    "VAE": (
        rme_tf.VAE,
        {
            "encoders": lambda: model_of().encoders,
            "decoder": lambda: model_of().decoder,
            "posterior": lambda: model_of().posterior_family,
            "likelihood": lambda: model_of().likelihood,
            "prior": lambda: model_of().prior,
            "mixing": "uniform",
            "mixing_network": None,
            "num_components": None,
            "trunk": None,
            "refinement": None,
            "seed": 0,
        },
    ),
    "StopAggressive": (algorithms.StopAggressive, {"monitor": "mi", "best": 0.0}),
    "elbo_gradient": (
        refinements.elbo_gradient,
        {**OF_X, "encoding": lambda: encoded(model_of()), "seed": (0, 1)},
    ),
}
