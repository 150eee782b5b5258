"""Packaging of rme_tf: metadata, dependencies and extras."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent

# TensorFlow Probability 0.25 runs on Keras 2 and so imports tf-keras, whose every minor release
# accepts that minor release of TensorFlow alone. The two bounds move together, or pip cannot
# resolve them; the gpu extra repeats the bound of TensorFlow, and so does tensorflow-text, whose
# operations are compiled against one minor release.
TENSORFLOW_BOUNDS = ">=2.21,<2.22"

REQUIREMENTS = [
    f"tensorflow{TENSORFLOW_BOUNDS}",
    f"tf-keras{TENSORFLOW_BOUNDS}",
    # It stays on Keras 2 and imports distutils: try a later release before allowing it.
    "tensorflow-probability>=0.25,<0.26",
    # A minor release of Keras may rename the private names in rme_tf/core/keras_compat.py, which lists what was tested.
    "keras>=3.15,<3.17",
    "tensorflow-datasets>=4.9.9",
    # tensorflow-datasets imports importlib_resources and does not ask for it.
    "importlib_resources>=6.4",
    # TensorFlow Probability imports distutils, which left Python with 3.12 and lives in setuptools.
    'setuptools>=66.1; python_version >= "3.12"',
    "numpy>=2.1",
    "h5py>=3.12",  # reads the files of weights that Keras writes with it
    "scipy>=1.14.1",
    "scikit-learn>=1.6",
    "arviz-stats>=0.8",  # Pareto k-hat, of NumPy and SciPy alone; 0.8 is the last release for Python 3.11
    "threadpoolctl>=3.2",  # t-SNE of few points is faster on one thread
    "matplotlib>=3.10",
    "pillow>=11.0",
    "pyyaml>=6.0.2",  # recipes and runs as YAML files
    "tyro>=1.0",  # command lines from the same dataclasses
    "tabulate>=0.9",
    "jinja2>=3.1",  # the page of a run
    "markupsafe>=2.1",
    "tqdm>=4.67",
    "tensorboard>=2.19",  # for keras.callbacks.TensorBoard; TensorFlow stopped requiring it with 2.21
    "sentencepiece>=0.2.1",
]

# Strings in a SavedModel. There is no wheel for Windows.
TEXT_REQUIREMENTS = [f"tensorflow-text{TENSORFLOW_BOUNDS}"]

# CSV files as data frames, and Parquet files.
TABLE_REQUIREMENTS = ["pandas>=2.2", "pyarrow>=18.0"]

# What turns a model into ONNX, and runs it.
ONNX_REQUIREMENTS = ["tf2onnx>=1.17", "onnx>=1.20", "onnxruntime>=1.24"]

TEST_REQUIREMENTS = [
    f"tensorflow-text{TENSORFLOW_BOUNDS}; sys_platform != 'win32'",
    *ONNX_REQUIREMENTS,
    *TABLE_REQUIREMENTS,
    "ai-edge-litert>=2.1; sys_platform != 'win32'",  # the interpreter that replaces TensorFlow's own
    "pytest>=8.4",
    "pytest-timeout>=2.4",
    "pytest-xdist>=3.6",
]

# What builds the site of the documents, checks its links and spelling, and runs its notebooks.
DOCS_REQUIREMENTS = [
    # Releases before 1.0 may change what they read.
    "zensical>=0.0.73,<0.1",
    "mkdocstrings[python]>=1.0",
    "codespell>=2.4",
    "nbclient>=0.10",
    "ipykernel>=7.0",
]

# Trackers of runs, for `rme_tf.callbacks.MLflowLogger` and `WandbLogger`.
MLFLOW_REQUIREMENTS = ["mlflow>=2.20"]
WANDB_REQUIREMENTS = ["wandb>=0.19"]

# The training steps that the library's are compared with, in `rme_tf.benchmark.jax_steps`.
BENCHMARK_REQUIREMENTS = ["jax>=0.10,<0.11"]

# The tuner of docs/tuning.md.
TUNER_REQUIREMENTS = ["keras-tuner>=1.4.8"]

# Wheel and source distribution, and the check of their description.
PACKAGE_REQUIREMENTS = ["build>=1.3", "twine>=6.1"]

LINT_REQUIREMENTS = [
    # Each minor release of ruff may change what it formats and which rules are on.
    "ruff>=0.17,<0.18",
    "mypy>=2.0",
    "types-PyYAML",
    "types-tabulate",
    "types-tqdm",
]


def read_version():
    """Returns `__version__` of rme_tf/version.py without importing the package."""
    source = (ROOT / "rme_tf" / "version.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', source, flags=re.MULTILINE)
    if match is None:
        raise ValueError('Expected a line `__version__ = "..."` in rme_tf/version.py.')
    return match.group(1)


setup(
    name="rme_tf",
    version=read_version(),
    description=(
        "Mixture posteriors for variational autoencoders in Keras 3: Recursive Mixture Estimation and its relatives"
    ),
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The rme_tf authors",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    keywords="variational autoencoder, mixture posterior, amortized inference, keras, tensorflow",
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    # The package of `rme` is installed apart: it reads command lines before rme_tf, hence TensorFlow, is imported.
    packages=[
        *find_packages(include=["rme_tf", "rme_tf.*"], exclude=["rme_tf.command"]),
        "rme_command",
        "rme_tf.recipes",
    ],
    package_dir={"rme_command": "rme_tf/command", "rme_tf.recipes": "recipes"},  # recipes for `rme study`
    package_data={
        "rme_command": ["py.typed", "flags.json"],
        "rme_tf": ["py.typed"],
        "rme_tf.experiments.pages": ["templates/*"],
    },
    entry_points={"console_scripts": ["rme = rme_command:main"]},
    python_requires=">=3.11,<3.14",
    install_requires=REQUIREMENTS,
    extras_require={
        "benchmark": BENCHMARK_REQUIREMENTS,
        "gpu": [f"tensorflow[and-cuda]{TENSORFLOW_BOUNDS}"],
        "mlflow": MLFLOW_REQUIREMENTS,
        "onnx": ONNX_REQUIREMENTS,
        "table": TABLE_REQUIREMENTS,
        "text": TEXT_REQUIREMENTS,
        "tuner": TUNER_REQUIREMENTS,
        "test": TEST_REQUIREMENTS,
        "dev": TEST_REQUIREMENTS + LINT_REQUIREMENTS + DOCS_REQUIREMENTS + PACKAGE_REQUIREMENTS,
        "docs": DOCS_REQUIREMENTS,
        "wandb": WANDB_REQUIREMENTS,
    },
)
