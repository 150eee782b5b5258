"""Every part of the library under XLA: it trains, evaluates, predicts, and has no variable that XLA on a GPU refuses.

TensorFlow has no int32 variables on a GPU: it places them in the host's memory, and XLA refuses a step on the GPU that
touches one ("Trying to access resource ... located in device CPU:0 from device GPU:0"). On a CPU all are in one memory,
so the types are looked at here: of all variables that are created, and of all that the compiled functions capture.
"""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.ops.handle_data_util import get_resource_handle_data

import rme_tf
from rme_tf import callbacks
from rme_tf.algorithms import ALGORITHMS, Aggressive, RecursiveMixture
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.networks import COMPONENT_NETWORKS, DECODERS, ENCODERS
from rme_tf.posteriors import IAF, MIXINGS, POSTERIORS
from rme_tf.priors import PRIORS
from rme_tf.refinements import REFINEMENTS

UNITS = {f"{part}_options": {"units": (3,)} for part in ("encoder", "decoder")}
IMAGES = {"encoder": "mlp", "decoder": "mlp", "input_shape": (4,), "latent_dim": 2, "num_components": 2, **UNITS}
SENTENCES = {
    "encoder": "lstm",
    "decoder": "lstm",
    "likelihood": "categorical_sequence",
    "input_shape": (None,),
    "latent_dim": 2,
    "num_components": 2,
    "likelihood_options": {"vocabulary_size": 7, "features": 3},
    "encoder_options": {"units": 3, "embedding_size": 2},
    "decoder_options": {"word_dropout": 0.2},
}
CONV = {f"{part}_options": {"filters": (3,)} for part in ("encoder", "decoder")}
CONV |= {"encoder": "conv", "decoder": "conv", "input_shape": (4, 4, 1)}
SMALL = {
    "sylvester": {"posterior_options": {"num_steps": 1}},
    "hierarchical": {"prior_options": {"units": (3,)}},
    "mixture": {"prior_options": {"num_components": 2}},
    "vamp": {"prior_options": {"num_components": 2, "length": 3}},
    "dsvi": {"refinement_options": {"steps": 1}},
    "iai": {"refinement_options": {"steps": 2, "units": (3,)}},  # whose second step begins from a state
    "sa": {"refinement_options": {"steps": 1}, **CONV},  # second derivatives of convolutions, too
}
JOINT = RecursiveMixture(warm_start_epochs=0)


def covering(**tables):
    """Returns models in which every entry of the tables comes up, whose number is that of the longest."""
    for index in range(max(map(len, tables.values()))):
        chosen = {name: entries[index % len(entries)] for name, entries in tables.items()}
        if "learned_mixing" not in ALGORITHMS[chosen["algorithm"]].honors:
            chosen["mixing"] = "uniform"
        yield {name: entry for name, entry in chosen.items() if entry is not None}


# What is built (of images unless it says otherwise), and the algorithm. New entries of a table come in by themselves.
MODELS = covering(
    algorithm=list(ALGORITHMS),
    posterior=[name for name in POSTERIORS if name != "iaf"],  # which the recursion refuses
    prior=list(PRIORS),
    mixing=sorted(MIXINGS),
    trunk=[None, "shared", *COMPONENT_NETWORKS],
)
CASES = {
    " ".join(choices.values()): (choices, ALGORITHMS[choices.pop("algorithm")](warm_start_epochs=0))
    for choices in MODELS
} | {
    "iaf": ({"posterior": IAF(2, context_size=2, units=(3,)), "num_components": 1}, "elbo"),
    **{name: ({"refinement": name}, "elbo") for name in REFINEMENTS},
    "the paper's loop, aggressive, annealed": (
        {"mixing": "learned"},
        RecursiveMixture(
            warm_start_epochs=0,
            update="sequential",
            aggressive=Aggressive(),
            kl_weight=rme_tf.LinearAnnealing(steps=3),
        ),
    ),
    "sentences": ({**SENTENCES, "prior": "vamp"}, JOINT),
    "pixelcnn, one component for each image": (
        {
            "encoder": "conv",
            "encoder_options": {"filters": (2,), "hidden": 3},
            "decoder": "pixelcnn",
            "decoder_options": {"num_layers": 1, "filters": 2},
            "input_shape": (4, 4, 1),
        },
        RecursiveMixture(warm_start_epochs=0, components_per_step=1),
    ),
}


def build(choices):
    keras.utils.set_random_seed(0)
    choices = choices if "likelihood" in choices else {**IMAGES, **choices}
    for name in ("posterior", "prior", "refinement"):
        choices = {**choices, **SMALL.get(choices.get(name), {})}
    if choices.get("trunk") in COMPONENT_NETWORKS:
        choices["trunk_options"] = {"units": 3}
    return rme_tf.VAE.from_names(**choices, seed=0)


def observations(model, rng, size):
    if model.likelihood.observation_dtype == tf.int32:
        return np.array([[4, 5, 6, 2], [5, 2, 0, 0], [6, 5, 2, 0], [5, 6, 4, 2]], np.int32)
    return rng.integers(0, 2, (size, *model.likelihood.event_shape)).astype("float32")


class Watch:
    """Notes the variables that are created and those that compiled steps of a VAE capture, with their types."""

    def __init__(self, patch):
        self.created, self.graphs = [], {}
        for name in ("train_step", "test_step", "predict_step"):
            step = getattr(rme_tf.VAE, name)
            patch.setattr(rme_tf.VAE, name, self.noting(name, step))

    def noting(self, name, step):
        def noted(model, data):
            self.graphs[name] = tf.compat.v1.get_default_graph()
            return step(model, data)

        return noted

    def create(self, next_creator, **kwargs):
        variable = next_creator(**kwargs)
        self.created.append((f"{len(self.created)}, created: {variable.name}", variable.dtype))
        return variable

    @property
    def captured(self):
        """(step and name, type) of each variable that a step captures."""
        for name, graph in self.graphs.items():
            for outside, inside in getattr(graph, "captures", ()):  # none where it runs eagerly
                if outside.dtype == tf.resource:
                    (kept,) = get_resource_handle_data(inside).shape_and_type
                    yield f"{name}: {inside.name}", tf.as_dtype(kept.dtype)

    def check(self):
        wrong = [name for name, dtype in [*self.created, *self.captured] if dtype == tf.int32]
        assert not wrong, f"int32 variables, which XLA on a GPU refuses, being in the host's memory: {wrong}"


@pytest.fixture
def watch(monkeypatch):
    watch = Watch(monkeypatch)
    with tf.variable_creator_scope(watch.create):
        yield watch


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_xla_trains_evaluates_and_predicts(case, watch, rng):
    """Every family by batches of two sizes, the last one smaller."""
    choices, algorithm = CASES[case]
    model = build(choices)
    # An optimizer sees gradients alone, whatever they are of: Adam, of which XLA has more to compile, is in one case.
    model.compile("adam" if case == next(iter(CASES)) else "sgd", algorithm, jit_compile=True)
    assert model.jit_compile
    x = observations(model, rng, 6 if "posterior" in choices else 4)
    before = model.get_weights()
    history = model.fit(x, batch_size=4, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(each).all() for each in model.get_weights())
    moved = [np.any(old != new) for old, new in zip(before, model.get_weights(), strict=True)]
    assert sum(moved) > len(moved) / 2  # a unit may be dead
    assert np.isfinite(model.evaluate(x[:4], batch_size=4, verbose=0)).all()
    assert np.isfinite(model.predict(x[:4], batch_size=4, verbose=0)["means"]).all()
    assert set(watch.graphs) == {"train_step", "test_step", "predict_step"}
    assert len(list(watch.captured)) > len(model.trainable_variables)
    watch.check()


# What is not trained above, and holds variables.

SQUARE = {"input_shape": (8, 8, 1), "latent_dim": 2, "encoder": "mlp", "decoder": "mlp"}
PARTS = [
    *(("encoder", name) for name in ENCODERS),
    *(("decoder", name) for name in DECODERS),
    *(("likelihood", name) for name in LIKELIHOODS),
    ("encoder_options", {"mean_scale": 2.0}),
]


@pytest.mark.parametrize(("part", "choice"), PARTS, ids=str)
def test_a_part_has_no_variable_that_xla_on_a_gpu_refuses(part, choice, watch):
    text = choice in ("lstm", "constant", "categorical_sequence")
    shape = {"input_shape": (8, 1)} if choice == "conv1d" else {}
    model = rme_tf.VAE.from_names(**{**(SENTENCES if text else SQUARE), part: choice, **shape})
    assert len(watch.created) >= len(model.variables)
    watch.check()


def without_arguments(kind):
    """Whether an optimizer needs none: two need others that they stand for."""
    needed = list(inspect.signature(kind).parameters.values())
    return all(each.default is not each.empty or each.kind is each.VAR_KEYWORD for each in needed)


OPTIMIZERS = {
    name: kind
    for name, kind in vars(keras.optimizers).items()
    if inspect.isclass(kind)
    and issubclass(kind, keras.optimizers.Optimizer)
    and kind is not keras.optimizers.Optimizer
    and without_arguments(kind)
}


@pytest.mark.parametrize("name", [*OPTIMIZERS, "LossScaleOptimizer"])
def test_a_step_touches_no_such_variable_of_an_optimizer(name, watch, tiny_model, binary_data):
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    model = tiny_model(1)
    model.compile(OPTIMIZERS[name]() if name in OPTIMIZERS else scaled, "elbo")
    assert len(watch.created) >= len(model.optimizer.variables) > 0
    if tf.int32 in dict(watch.created).values():  # Adafactor's, where there is nothing to factor
        model.fit(binary_data(2), verbose=0)
        watch.created.clear()
    watch.check()


@pytest.mark.parametrize("options", [{"use_ema": True}, {"gradient_accumulation_steps": 2}, {"clipnorm": 1.0}], ids=str)
def test_options_of_optimizers_add_no_such_variable(options, watch, tiny_model):
    tiny_model(1).compile(keras.optimizers.Adam(0.1, **options), "elbo")
    watch.check()


CALLBACKS = {name: kind for name, kind in vars(callbacks).items() if inspect.isclass(kind)}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.filterwarnings("ignore")  # of what the monitor says
def test_callbacks_have_no_variable_that_xla_on_a_gpu_refuses(watch, tiny_model, binary_data, tmp_path):
    model, x = tiny_model(2), binary_data(4)
    model.compile("adam", RecursiveMixture(warm_start_epochs=1, aggressive=Aggressive()))
    checkpoint = callbacks.ResumableCheckpoint(model, tmp_path / "checkpoints")
    used = [
        rme_tf.CollapseMonitor(x),
        rme_tf.StopAggressive(),
        callbacks.ResetDecoder(1),
        callbacks.HalveOnPlateau(0.1, 1, {}, best=tmp_path / "best"),
        checkpoint,
        keras.callbacks.EarlyStopping("val_elbo", restore_best_weights=True),
        keras.callbacks.BackupAndRestore(tmp_path / "backup"),
    ]
    ours = {kind for kind in CALLBACKS.values() if kind.__module__ == callbacks.__name__}
    assert ours <= set(map(type, used))
    model.fit(x, validation_data=(x,), batch_size=4, epochs=2, verbose=0, callbacks=used)
    watch.check()


def test_the_watch_sees_int32(watch):
    tf.Variable(1, dtype=tf.int32)
    with pytest.raises(AssertionError, match="int32"):
        watch.check()


def test_the_watch_sees_what_a_step_captures(watch, tiny_model, binary_data, monkeypatch):
    hidden = tf.Variable(1, dtype=tf.int32)
    monkeypatch.setattr(watch, "created", [])
    step = rme_tf.VAE.test_step

    def counting(model, data):
        hidden.assign_add(1)
        return step(model, data)

    monkeypatch.setattr(rme_tf.VAE, "test_step", counting)
    watch_again = Watch(monkeypatch)
    model = tiny_model(1)
    model.compile("sgd", "elbo")
    model.evaluate(binary_data(2), verbose=0)
    assert {dtype for _, dtype in watch_again.captured} >= {tf.int32}
    with pytest.raises(AssertionError, match="test_step"):
        watch_again.check()
