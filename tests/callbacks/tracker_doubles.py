"""Doubles of the public functions of MLflow and Weights & Biases that the loggers call, with MLflow's limits."""

import types


class MLflow(types.ModuleType):
    """Records runs: params, metrics by step, images, texts and status."""

    def __init__(self):
        super().__init__("mlflow")
        self.runs, self.active, self.calls = {}, None, []

    def set_tracking_uri(self, uri):
        self.calls.append(("set_tracking_uri", uri))

    def set_experiment(self, name):
        self.calls.append(("set_experiment", name))

    def active_run(self):
        return None if self.active is None else self._handle(self.active)

    def start_run(self, run_id=None, run_name=None):
        assert self.active is None
        self.active = run_id or f"run{len(self.runs)}"
        new = {"name": run_name, "params": {}, "metrics": [], "files": {}, "status": None}
        self.runs.setdefault(self.active, new)["status"] = "RUNNING"
        return self._handle(self.active)

    def end_run(self, status="FINISHED"):
        self.runs[self.active]["status"], self.active = status, None

    def log_params(self, params):
        assert len(params) <= 100
        for name, value in params.items():
            assert len(name) <= 250
            assert len(value) <= 6000
            assert self.runs[self.active]["params"].setdefault(name, value) == value  # params cannot change

    def log_metrics(self, metrics, step):
        assert len(metrics) <= 1000
        assert all(type(value) is float for value in metrics.values())
        self.runs[self.active]["metrics"].append((step, metrics))

    def log_image(self, image, artifact_file):
        self.runs[self.active]["files"][artifact_file] = image

    def log_text(self, text, artifact_file):
        self.runs[self.active]["files"][artifact_file] = text

    @staticmethod
    def _handle(run_id):
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id=run_id))


class WandbRun:
    """A run of `Wandb`."""

    def __init__(self, owner, run_id, options):
        self.owner, self.id, self.options, self.offline = owner, run_id, options, owner.offline
        self.config, self.rows, self.defined, self.exit_code = dict(options.get("config") or {}), [], [], None
        self.config = types.SimpleNamespace(values=self.config, update=self._update)

    def _update(self, values, allow_val_change):
        assert allow_val_change
        self.config.values.update(values)

    def define_metric(self, name, step_metric=None):
        self.defined.append((name, step_metric))

    def log(self, row):
        self.rows.append(row)

    def finish(self, exit_code=None):
        self.exit_code, self.owner.run = exit_code, None


class Wandb(types.ModuleType):
    """Records the runs of `init`."""

    def __init__(self, offline=True):
        super().__init__("wandb")
        self.run, self.parts, self.offline = None, [], offline

    def init(self, id=None, **options):
        self.run = WandbRun(self, id or f"id{len(self.parts)}", options)
        self.parts.append(self.run)
        return self.run

    @staticmethod
    def Image(array):
        return ("image", array)

    @staticmethod
    def Table(columns, data):
        return ("table", columns, data)
