"""The schedule of a training: active components and phases."""

from typing import Any

import tensorflow as tf

from rme_tf.algorithms.aggressive import InnerLoop
from rme_tf.algorithms.warm_start import copy_first_encoder
from rme_tf.core import optimizer_state
from rme_tf.models.replica_steps import ReplicaStep
from rme_tf.models.running_means import all_named
from rme_tf.models.step_groups import GroupedModel


class ScheduledModel(GroupedModel):
    """A model whose step is traced for components and phases.

    To be implemented by subclasses:
        * `encoders`, `trunk`, `posterior_family`, `num_components`, `algorithm`, `optimizer`, `metrics_names`.
        * `num_active`, `epochs_trained`, `seed_generator`, `inner_loop`: state of the training.
    """

    encoders: list
    trunk: Any
    posterior_family: Any
    algorithm: Any
    optimizer: Any
    num_active: Any
    epochs_trained: Any
    seed_generator: Any
    inner_loop: InnerLoop
    active_components: int
    phase: int
    train_function: Any
    test_function: Any
    predict_function: Any

    @property
    def num_components(self) -> int:
        """Number of components M."""
        raise NotImplementedError

    @property
    def metrics_names(self) -> list[str]:
        """Names in the epoch log."""
        raise NotImplementedError

    def make_train_function(self, force=False):
        """Traces the step for the active components and the current phase.

        The step is traced again if either has changed.
        """
        optimizer_state.begin_copies(self.optimizer)
        now = int(self.num_active.numpy()), self.algorithm.phase(int(self.epochs_trained.numpy()))
        changed = now != (self.active_components, self.phase)
        self.active_components, self.phase = now
        before = self.train_function
        super().make_train_function(force=force or changed)
        if self.train_function is not None and self.train_function is not before:
            self.train_function = all_named(self.train_function, self.metrics_names)

    def made_function(self, make, *, training: bool):
        """Returns Keras's function, or a `ReplicaStep` for the replicas of a strategy."""
        if self.distribute_strategy is tf.distribute.get_strategy() and not tf.distribute.has_strategy():
            return make()
        several = self.distribute_strategy.num_replicas_in_sync > 1
        return ReplicaStep(make, self, chooses=several and training and self.algorithm.aggressive is not None)

    def forget_functions(self):
        """Drops traced functions, which have other state of layers as constants."""
        self.train_function = self.test_function = self.predict_function = None

    def begin_epoch(self):
        """Sets the number of active components, M after the warm start.

        In the warm start, the first epochs over all calls of `fit`, there is one active component. At its end, the
        other encoders of the same shape become noisy copies of encoder 0.
        """
        before = int(self.num_active.numpy())
        warming = int(self.epochs_trained.numpy()) < self.algorithm.warm_start_epochs
        now = 1 if warming else self.num_components
        with optimizer_state.weights_replaced(self):
            if int(self.epochs_trained.numpy()) == 0:
                self.algorithm.begin(self)
            if before < now:
                self._copy_first_component(seed=int(self.seed_generator.next()[1]))
        self.num_active.assign(now)
        self.make_train_function()

    def _copy_first_component(self, seed: int):
        noise = self.algorithm.warm_start_noise
        if not self.encoders:
            self.trunk.copy_first(noise=noise, seed=seed)
        elif copy_first_encoder(self.encoders, noise=noise, seed=seed, num_shared=self.posterior_family.num_shared):
            self.forget_functions()
