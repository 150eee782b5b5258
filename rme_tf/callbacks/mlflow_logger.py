"""MLflow: parameters, numbers of each epoch, images at the end."""

from rme_tf.callbacks.run_logger import RunLogger
from rme_tf.callbacks.showcase import levels_of

MOST_PARAMS = 100  # of one call, a limit of MLflow
MOST_METRICS = 500
LONGEST_KEY, LONGEST_VALUE = 250, 6000  # characters of a parameter


class MLflowLogger(RunLogger):
    """Logs a training to MLflow, by MLflow's own functions only.

    In an active run, `with mlflow.start_run(): model.fit(...)`, it logs to that run and leaves it open. Otherwise it
    starts and ends one. MLflow decides where runs are: `tracking_uri`, the environment variable MLFLOW_TRACKING_URI, or
    else a file `mlflow.db` in the current directory.

    Args:
        data: observations whose reconstructions are logged, or a `Showcase`, see `RunLogger`.
        experiment: name of the experiment; None is MLflow's.
        run_name: name of the run; None is a name by MLflow.
        tracking_uri: address of the store, such as "sqlite:///mlflow.db"; None is MLflow's.
        **kwargs: further arguments of `RunLogger`: params, directory, history.

    Raises:
        ImportError: if MLflow is not installed.
    """

    package = "mlflow"

    def __init__(
        self,
        data=None,
        *,
        experiment: str | None = None,
        run_name: str | None = None,
        tracking_uri: str | None = None,
        **kwargs,
    ):
        super().__init__(data, **kwargs)
        self.experiment, self.run_name, self.tracking_uri = experiment, run_name, tracking_uri
        self._owned = False

    def begin(self, run_id, params):
        """Starts or continues a run; returns its id."""
        if self.tracking_uri is not None:
            self.client.set_tracking_uri(self.tracking_uri)
        active = self.client.active_run()
        self._owned = active is None
        if active is None:
            if self.experiment is not None and run_id is None:
                self.client.set_experiment(self.experiment)
            name = self.run_name if run_id is None else None
            active = self.client.start_run(run_id=run_id, run_name=name)
        if active.info.run_id != run_id:
            shortened = {name[:LONGEST_KEY]: str(value)[:LONGEST_VALUE] for name, value in params.items()}
            for part in _parts(shortened, MOST_PARAMS):
                self.client.log_params(part)
        return active.info.run_id

    def log_metrics(self, metrics, epoch):
        """Logs the numbers of an epoch, counted from 1."""
        for part in _parts(metrics, MOST_METRICS):
            self.client.log_metrics(part, step=epoch)

    def log_image(self, name, image):
        """Logs an image [H, W, C] in [0, 1]."""
        self.client.log_image(levels_of(image), artifact_file=f"{name}.png")

    def log_lines(self, name, lines):
        """Logs lines of text."""
        self.client.log_text("\n".join([*lines, ""]), f"{name}.txt")

    def finish(self, failed):
        """Ends the run, unless it was active before."""
        if self._owned:
            self.client.end_run(status="FAILED" if failed else "FINISHED")


def _parts(values: dict, most: int) -> list[dict]:
    """Returns a dict in parts of at most this number of entries."""
    items = list(values.items())
    return [dict(items[start : start + most]) for start in range(0, len(items), most)]
