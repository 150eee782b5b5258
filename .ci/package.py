"""Builds the wheel and the source distribution, and uses the wheel as a new user does, in an environment of its own.

    python .ci/package.py                # the packages of this environment, except rme_tf
    python .ci/package.py --from-index   # whatever pip finds for the wheel: 0.7 GB to download

The wheel is built from the source distribution, which is built from the files that git knows. The new environment has
links to the packages of this one, and the wheel in place of the editable rme_tf: what the wheel lacks, nothing else
has. `pip check` compares its requirements with these packages. That pip can resolve the requirements is shown by
`--from-index`, and by `make venv`.
"""

import os
import pathlib
import resource
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
OURS = ("rme_tf", "rme_command", "__editable__")
SECONDS = 2.0  # CPU time of a command line that is answered without TensorFlow
TINY = ["--epochs", "2", "--importance-samples", "20", "--algorithm.warm-start-epochs", "0", "--components", "2"]
LOADED = """
import tensorflow as tf
served = tf.saved_model.load("exported")
print({name: tuple(part.shape) for name, part in served.encode(tf.zeros([3, 8, 8, 1])).items()})
"""
IMPORTED = "import rme_tf, rme_command; print(rme_tf.__file__); print(rme_command.__file__)"


def run(*command, cwd=None, status: int = 0, quiet: bool = False) -> tuple[str, float]:
    """Runs a command; returns what it printed, and its CPU time in seconds."""
    print("$", *command, flush=True)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    printed = done.stdout + done.stderr
    shown = "" if quiet and done.returncode == status else printed
    print(f"{shown}({wall:.1f} s, {seconds:.1f} s of CPU)\n", flush=True)
    if done.returncode != status:
        raise SystemExit(
            f"Expected the exit status {status}. Received: {done.returncode}, of {' '.join(map(str, command))}"
        )
    return printed, seconds


def copy_sources(target: pathlib.Path) -> None:
    """Copies the files of the checkout that git knows or would add."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def build(folder: pathlib.Path) -> pathlib.Path:
    """Builds and checks the distributions; returns the path of the wheel."""
    copy_sources(folder / "sources")
    run(sys.executable, "-m", "build", "--outdir", folder / "dist", folder / "sources", quiet=True)
    run(sys.executable, "-m", "twine", "check", "--strict", *sorted((folder / "dist").iterdir()))
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def environment_with(wheel: pathlib.Path, folder: pathlib.Path, from_index: bool) -> pathlib.Path:
    """Returns the folder of the programs of a new environment with the wheel."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin" / "python"]
    run(sys.executable, "-m", "venv", *([] if from_index else ["--without-pip"]), folder)
    if from_index:
        run(*pip, "install", wheel)
        return folder / "bin"
    packages = pathlib.Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    for path in pathlib.Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith((*OURS, "__pycache__")):
            (packages / path.name).symlink_to(path)
    run(*pip, "install", "--no-index", "--no-deps", wheel)
    run(*pip, "check")
    return folder / "bin"


def use(programs: pathlib.Path, folder: pathlib.Path) -> None:
    """Trains, evaluates, draws and exports in a folder, by the commands of the wheel."""
    rme = programs / "rme"
    printed, _ = run(programs / "python", "-c", IMPORTED, cwd=folder)
    packages = [line for line in printed.splitlines() if line.endswith("__init__.py")]
    if len(packages) != 2 or not all(line.startswith(str(programs.parent)) for line in packages):
        raise SystemExit(f"Expected the packages of the wheel. Received: {packages}")
    answered = [run(rme, "--help", cwd=folder), run(rme, "train", "images", "--help", cwd=folder, quiet=True)]
    answered += [run(rme, "train", "images", "--epohcs", "3", cwd=folder, status=2), run(rme, "datasets", cwd=folder)]
    slow = [seconds for _, seconds in answered if seconds > SECONDS]
    if slow or "Did you mean '--epochs'?" not in answered[2][0]:
        raise SystemExit(
            f"Expected answers within {SECONDS} s of CPU time, and the flag that was meant. Received: {slow}"
        )
    run(rme, "train", "images", "--dataset", "digits", "--out", "run", *TINY, cwd=folder)
    run(rme, "evaluate", "run", "--samples", "40", cwd=folder)
    run(rme, "sample", "run", "--count", "4", "--out", "drawn", cwd=folder)
    run(rme, "export", "run", "--out", "exported", cwd=folder)
    run(programs / "python", "-c", LOADED, cwd=folder)
    written = {path.name for path in folder.iterdir()}
    if written != {"run", "drawn", "exported"}:
        raise SystemExit(f"Expected files in the folders of the commands. Received: {sorted(written)}")


def main() -> None:
    """Builds and tries the wheel."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        wheel = build(folder)
        (folder / "elsewhere").mkdir()
        use(environment_with(wheel, folder / "env", "--from-index" in sys.argv[1:]), folder / "elsewhere")
    print(f"{wheel.name} builds, installs and works.")


if __name__ == "__main__":
    main()
