"""Weights & Biases: parameters, numbers of each epoch, images at the end."""

import math
from typing import Any

from rme_tf.callbacks.run_logger import RunLogger
from rme_tf.callbacks.showcase import levels_of


class WandbLogger(RunLogger):
    """Logs a training to Weights & Biases, by its own functions only.

    An active run of the process, `wandb.init(...)`, is used and left open. Otherwise a run is started and ended. The
    environment variable WANDB_MODE, or `mode`, decides whether it is online.

    Weights & Biases does not continue a run offline: its parts lie in several directories, and each one replaces
    the part before when they are synchronized. So a training that is resumed offline logs the epochs in `history`
    again, and the last part is complete.

    Args:
        data: observations whose reconstructions are logged, or a `Showcase`, see `RunLogger`.
        project: name of the project; None is the default of Weights & Biases.
        name: name of the run; None is a name by Weights & Biases.
        mode: "online", "offline" or "disabled"; None is the default of Weights & Biases.
        **kwargs: further arguments of `RunLogger`: params, directory, history.

    Raises:
        ImportError: if wandb is not installed.
    """

    package = "wandb"

    def __init__(
        self,
        data=None,
        *,
        project: str | None = None,
        name: str | None = None,
        mode: str | None = None,
        **kwargs,
    ):
        super().__init__(data, **kwargs)
        self.options = {"project": project, "name": name, "mode": mode}
        self.run: Any = None
        self._owned = False

    def begin(self, run_id, params):
        """Starts or continues a run; returns its id."""
        self._owned = self.client.run is None
        if self._owned:
            options = {key: value for key, value in self.options.items() if value is not None}
            resume = {} if run_id is None else {"id": run_id, "resume": "allow"}
            self.run = self.client.init(config=params, **options, **resume)
        else:
            self.run = self.client.run
            self.run.config.update(params, allow_val_change=True)
        self.run.define_metric("epoch")
        self.run.define_metric("*", step_metric="epoch")
        if self._owned and run_id is not None and self.run.offline:
            self._log_earlier()
        return self.run.id

    def _log_earlier(self):
        """Logs the earlier epochs again."""
        history = self.history or {}
        for epoch in range(max(map(len, history.values()), default=0)):
            values = {name: column[epoch] for name, column in history.items() if epoch < len(column)}
            self.log_metrics({name: value for name, value in values.items() if math.isfinite(value)}, epoch + 1)

    def log_metrics(self, metrics, epoch):
        """Logs the numbers of an epoch, counted from 1."""
        self.run.log({**metrics, "epoch": epoch})

    def log_image(self, name, image):
        """Logs an image [H, W, C] in [0, 1]."""
        self.run.log({name: self.client.Image(levels_of(image))})

    def log_lines(self, name, lines):
        """Logs lines of text."""
        self.run.log({name: self.client.Table(columns=[name], data=[[line] for line in lines])})

    def finish(self, failed):
        """Ends the run, unless it was active before."""
        if self._owned:
            self.run.finish(exit_code=int(failed))
