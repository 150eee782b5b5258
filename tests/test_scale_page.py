"""The page on several machines: its snippets run, and its numbers are the models'."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

import replica_trainings
from page_snippets import ROOT, run_as_a_user, snippets_of

PAGE = "docs/scale.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def cluster_of(program, **variables):
    """The `TF_CONFIG` that a launcher's lines set, with variables of the launcher."""
    environment = {**os.environ, **variables}
    return json.loads(subprocess.check_output(["bash", "-c", program], env=environment, text=True))


def test_each_task_of_slurm_is_a_worker(tmp_path):
    scontrol = tmp_path / "scontrol"
    scontrol.write_text("#!/bin/sh\nprintf 'gpu01\\ngpu02\\n'\n", encoding="utf-8")
    scontrol.chmod(0o755)
    worker = tmp_path / "worker.sh"
    worker.write_text(blocks("bash")[0], encoding="utf-8")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    found = cluster_of(
        f"bash {worker} printenv TF_CONFIG", PATH=path, SLURM_JOB_NODELIST="gpu[01-02]", SLURM_PROCID="1"
    )
    workers = ["gpu01:12345", "gpu02:12345"]
    assert found == {"cluster": {"worker": workers}, "task": {"type": "worker", "index": 1}}


def test_each_pod_of_kubernetes_is_a_worker():
    service, job = yaml.safe_load_all(blocks("yaml")[0])
    pod = job["spec"]["template"]["spec"]
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"]["job-name"] == job["metadata"]["name"]
    lines = pod["containers"][0]["args"][0].replace("exec rme train", "exec printenv TF_CONFIG #")
    found = cluster_of(lines, JOB_COMPLETION_INDEX="3")
    assert len(found["cluster"]["worker"]) == job["spec"]["completions"] == job["spec"]["parallelism"]
    assert found["cluster"]["worker"][3] == "photos-3.photos:12345"
    assert found["task"] == {"type": "worker", "index": 3}


def test_the_numbers_of_the_table_are_the_models():
    program: dict = {}
    exec(snippets_of(PAGE)[-1], program)
    rows = re.findall(r"^\| (\d+) \| (\w+) \| ([\d,]+) \| ([\d.]+) MB \|$", TEXT, re.MULTILINE)
    assert len(rows) == 5
    for components, trunk, numbers, megabytes in rows:
        trained = program["trained_numbers"](int(components), None if trunk == "none" else trunk)
        assert f"{trained:,}" == numbers
        assert f"{program['megabytes_sent'](trained, 8):.1f}" == megabytes


@pytest.mark.slow
def test_a_model_trains_in_the_scope_of_a_strategy(eagerly):
    run_as_a_user(
        snippets_of(PAGE)[0].replace("512", "8").replace("epochs=2, batch_size=128", "epochs=1, batch_size=4")
    )


@pytest.mark.slow
def test_workers_of_ray_train_a_recipe(tmp_path):
    """Two workers on the loopback interface, where Ray is installed."""
    ray = pytest.importorskip("ray")
    replica_trainings.write_images(tmp_path / "images")
    program: dict = {}
    exec(snippets_of(PAGE)[1], program)
    config = {**replica_trainings.recipe_fields(str(tmp_path), str(tmp_path / "run")), "strategy": "multiworker"}
    variables = {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    ray.init(num_cpus=2, include_dashboard=False, runtime_env={"env_vars": variables})
    try:
        program["train_on_ray"](config, 2)
    finally:
        ray.shutdown()
    assert json.loads((Path(config["out"]) / "metrics.json").read_text(encoding="utf-8"))["epochs"] == 3
