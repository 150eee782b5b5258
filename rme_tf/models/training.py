"""Training of a VAE by Keras: compile, fit, steps, logs and schedule."""

import contextlib
from typing import Any

import keras
import tensorflow as tf

from rme_tf import algorithms, objectives
from rme_tf.algorithms.aggressive import InnerLoop
from rme_tf.algorithms.component_draws import epoch_terms
from rme_tf.core import optimizer_state, replicas
from rme_tf.core.keras_compat import clear_losses, is_validation
from rme_tf.core.outer_calls import internal
from rme_tf.core.registry import instantiate
from rme_tf.core.types import LogProbs
from rme_tf.likelihoods.input_checks import checked, checked_pair, data_errors_as_value_errors
from rme_tf.models.array_data import as_batches, fit_batches
from rme_tf.models.compile_options import checked_compile_options
from rme_tf.models.execution import check_precision, default_jit_compile
from rme_tf.models.fit_callbacks import (
    check_compiled,
    first_non_finite,
    last_epoch,
    prepared_callbacks,
    printing_callbacks,
    refuse_weights_in,
)
from rme_tf.models.fit_options import check_fit_options, refuse_weights
from rme_tf.models.replica_steps import check_replicas, clip_sums, one_for_each_worker
from rme_tf.models.running_means import LOGGED, LOGGED_COMPONENTS, RunningMeans
from rme_tf.models.schedule import ScheduledModel
from rme_tf.models.single_batches import BatchwiseModel


class TrainableModel(ScheduledModel, BatchwiseModel):
    """The training methods of `rme_tf.VAE`, without the forward pass.

    To be implemented by subclasses:
        * `encoders`, `trunk`, `mixing`, `posterior_family`, `num_components`, `likelihood`, `refinement`: set before
          `_create_training_state`.
        * `log_probs(x, num_samples, seed)`: `LogProbs` of a draw.
    """

    encoders: list
    trunk: Any
    mixing: Any
    posterior_family: Any
    optimizer: Any

    def log_probs(self, x, *, num_samples=1, seed, num_components=None, training=False) -> LogProbs:
        """Returns the `LogProbs` of S samples from each component."""
        raise NotImplementedError

    def _create_training_state(self, seed):
        """Creates seeds, counters and metrics, since Keras refuses new state in a built model."""
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.active_components = self.num_components  # K of the training step, fixed when it is traced
        self.phase = 0  # of the algorithm, also fixed when the step is traced
        # Not int32, which TensorFlow stores in the host's memory: XLA on a GPU refuses a step that uses it.
        counter = {"shape": (), "dtype": "int64", "initializer": "zeros", "trainable": False}
        self.num_active = self.add_weight(name="num_active", **counter)
        self.num_active.assign(self.num_components)
        self.epochs_trained = self.add_weight(name="epochs_trained", **counter)
        self.non_finite = self.add_weight(name="non_finite", **counter)
        self.jit_compile = False  # until it is compiled
        self.inner_loop = InnerLoop()
        indexed = [f"{name}_{m}" for name in ("elbo", "alpha") for m in range(self.num_logged)]
        self.running_means = RunningMeans([*LOGGED, *indexed])

    @property
    def num_logged(self) -> int:
        """Number of components with values in the epoch log, all or none."""
        return self.num_components if self.num_components <= LOGGED_COMPONENTS else 0

    @property
    def metrics(self):
        """Running means of the epoch log, in nats except `alpha_m`."""
        return [self.running_means]

    def compile(self, optimizer="adam", algorithm="recursive_mixture", **kwargs):
        """Configures training.

        Args:
            optimizer: Keras optimizer or its name.
            algorithm: `Algorithm` with the objective of each parameter, or a name in `algorithms.ALGORITHMS`.
            **kwargs: Keras's `jit_compile`, `run_eagerly`, `steps_per_execution` and `auto_scale_loss`. By default,
                `jit_compile` and `steps_per_execution` are "auto": see `execution.default_jit_compile` and
                `group_sizes.default_group_choice`.

        Raises:
            ValueError: if a name is unknown, the algorithm does not fit the model or the optimizer, or an option does
                not apply: the algorithm is the loss, and the metrics are in the epoch log.
        """
        kwargs, chooses_steps = checked_compile_options(kwargs)
        algorithm = instantiate(algorithms.ALGORITHMS, algorithm, "algorithm", base=algorithms.Algorithm)
        algorithm.check(self)
        optimizer = keras.optimizers.get(optimizer)
        algorithm.check_optimizer(optimizer)
        check_precision(self)
        check_replicas(self, optimizer, algorithm, kwargs)
        super().compile(optimizer=optimizer, **kwargs)
        self.chooses_steps = chooses_steps
        self.chooses_jit_compile = kwargs.get("jit_compile", "auto") == "auto"
        if self.chooses_jit_compile:
            self.jit_compile = default_jit_compile(self).jit_compile
        self.algorithm, self.auto_scale_loss = algorithm, kwargs.get("auto_scale_loss", True)
        optimizer_state.build(self.optimizer, self.trainable_variables)
        clip_sums(self, self.optimizer)

    def get_compile_config(self):
        """Returns optimizer, algorithm and execution options, for `compile_from_config`."""
        if not self.compiled:
            return {}
        serialize = keras.saving.serialize_keras_object
        return {
            "optimizer": serialize(self.optimizer),
            "algorithm": serialize(self.algorithm),
            "jit_compile": "auto" if self.chooses_jit_compile else self.jit_compile,
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": "auto" if self.chooses_steps else self.steps_per_execution,
            "auto_scale_loss": self.auto_scale_loss,
        }

    def compile_from_config(self, config):
        """Compiles with the result of `get_compile_config`, for a loaded model."""
        choices = keras.saving.deserialize_keras_object(config)
        self.compile(**{**choices, "algorithm": choices["algorithm"].of_saved(self)})

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        **kwargs,
    ):
        """Trains like Keras without labels, and returns the `History`.

        Arrays are checked against the likelihood's support before the training, `tf.data` batches when they are read.
        Infinite data need `steps_per_epoch` or `validation_steps`; the length of a generator is not checked. The
        console has a line an epoch, see `EpochLines`. All arguments are described in `keras.Model.fit`.

        Raises:
            ValueError: if the data are empty or infinite, have a wrong shape, or have values outside of the support.
            FloatingPointError: if the loss is not finite; the message names the first non-finite term.
        """
        check_compiled(self, "fit")
        chosen = {"batch_size": batch_size, "validation_split": validation_split, **kwargs}
        check_fit_options(epochs=epochs, verbose=verbose, callbacks=callbacks, **chosen)
        x = checked(x, self.likelihood, steps=("steps_per_epoch", kwargs.get("steps_per_epoch")))
        steps = ("validation_steps", kwargs.get("validation_steps"))
        validation_data = checked_pair(validation_data, self.likelihood, "validation_data", steps=steps)
        refuse_weights_in(x, validation_data)
        x, y, validation_data, options = fit_batches(x, y, validation_data, **chosen)
        epochs = last_epoch(callbacks, epochs, **kwargs)
        options |= {"epochs": epochs, "verbose": verbose, "validation_data": validation_data}
        self.non_finite.assign(0)
        of_library = prepared_callbacks(self, callbacks)
        with self.groups_of_fit(callbacks), contextlib.closing(of_library[0]), data_errors_as_value_errors():
            return super().fit(x, y, callbacks=of_library, **options)

    @property
    def metrics_names(self) -> list[str]:
        """Names in the epoch log, in the order of `evaluate`."""
        return list(self.running_means.names)

    def logs_in_order(self, logs) -> list:
        """Returns the values of `metrics_names`, the result of `evaluate`."""
        return [logs[name] for name in self.metrics_names]

    def evaluate(self, x=None, y=None, **kwargs):
        """Returns the quantities of the epoch log on the data.

        Args:
            x: observations, in any form that Keras takes.
            y: ignored labels.
            **kwargs: further arguments of `keras.Model.evaluate`.
        """
        check_fit_options(**kwargs)
        printing = callbacks = kwargs.pop("callbacks", None)
        if not is_validation(kwargs):  # otherwise `fit` has checked x
            printing = printing_callbacks(self, callbacks)
            x = checked(x, self.likelihood, steps=("steps", kwargs.get("steps")))
            refuse_weights_in(x)
            x, y = as_batches(x, y, batch_size=kwargs.get("batch_size"), steps=kwargs.get("steps"))
        with self.groups_of_evaluation(callbacks), data_errors_as_value_errors():
            return super().evaluate(x, y, callbacks=printing, **kwargs)

    def predict(self, x, **kwargs):
        """Returns arrays `weights` [N, M], `means` [N, M, D], `scales` [N, M, D]."""
        check_fit_options(**kwargs)
        x = checked(x, self.likelihood, steps=("steps", kwargs.get("steps")))
        x, _ = as_batches(x, batch_size=kwargs.get("batch_size"), steps=kwargs.get("steps"))
        with data_errors_as_value_errors():
            return super().predict(x, **kwargs)

    @internal
    def train_step(self, data):
        """Updates the weights by the algorithm, and returns the running means."""
        x = self._unpack(data)
        with replicas.global_batch(tf.shape(x)[0]):
            return one_for_each_worker(self._train_step(x))

    def _train_step(self, x):
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        log_probs = self.algorithm.step(self, x, seed)
        terms = epoch_terms(log_probs, learned=self.mixing.learned)
        if self.algorithm.aggressive is not None:
            self.inner_loop.advance(replicas.mean_over_rows(terms["elbo"]), self.algorithm.aggressive, self.optimizer)
        code = first_non_finite(log_probs)
        self.non_finite.assign(tf.where(self.non_finite.value == 0, code, self.non_finite.value))
        of_all = log_probs.log_alpha.shape[-1] == self.active_components  # otherwise it is unknown which ones they are
        return self._track(terms, joined=self.active_components if of_all else None)

    @internal
    def test_step(self, data):
        """Returns the running means, with the same noise in every evaluation."""
        x = self._unpack(data)
        self.forget_losses()
        with replicas.global_batch(tf.shape(x)[0]):
            seen = replicas.total(self.running_means.observations)
            seed = tf.stack([0, tf.cast(seen, tf.int32)])
            log_probs = self.log_probs(x, num_samples=self.algorithm.num_samples, seed=seed)
            return one_for_each_worker(self._track(objectives.mixture_terms(log_probs), joined=self.num_components))

    def forget_losses(self):
        """Drops the losses of earlier calls, which may belong to another graph.

        Keras only drops the losses of layers that are called again, and a step may not call every component.
        """
        clear_losses(self)

    def _unpack(self, data):
        x, _, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        refuse_weights(sample_weight=sample_weight)
        return self.likelihood.cast(x)

    def _track(self, terms, joined: int | None):
        """Returns the running means after a batch, for the first `joined` components; None is unknown components."""
        terms = {**terms, "loss": sum(self.losses) - terms["elbo"]}
        overall = tf.stack([terms[name] for name in LOGGED], axis=-1)
        bounds = [m < (joined or 0) for m in range(self.num_logged)]
        known = [*[True] * len(LOGGED), *bounds, *[joined is not None] * self.num_logged]  # others have weight 0
        missing = [[0, 0], [0, self.num_components - terms["alpha"].shape[-1]]]
        names = ("component_elbo", "alpha") if self.num_logged else ()
        of_each = [tf.pad(terms[name], missing)[:, : self.num_logged] for name in names]
        values = tf.concat([overall, *of_each], axis=-1)
        seen = known
        if "known" in terms and names:  # the components that were drawn for each observation
            margins = [[0, 0], [len(LOGGED), self.num_logged]]
            seen = tf.pad(terms["known"][:, : self.num_logged], margins, constant_values=True)
        self.running_means.update_state(tf.where(seen, values, 0.0), seen)
        means = self.running_means.result(gaps=seen is not known)
        return {name: mean for (name, mean), has in zip(means.items(), known, strict=True) if has}
