"""Prints what rme_tf and its tests require beside the packages whose next releases `make nightly` installs."""

import pathlib
import re
import runpy
import unittest.mock

REPLACED = {"tensorflow", "tf-keras", "keras", "tensorflow-probability"}
WITHOUT_NIGHTLY = {"tensorflow-text"}  # its operations are compiled against one release of TensorFlow: tests skip it
SETUP = pathlib.Path(__file__).parents[1] / "setup.py"


def other_requirements() -> list[str]:
    """Returns lines of a requirements file, without the packages that are replaced or that have no nightly release."""
    with unittest.mock.patch("setuptools.setup") as setup:
        runpy.run_path(str(SETUP))
    options = setup.call_args.kwargs
    lines = [*options["install_requires"], *options["extras_require"]["test"]]
    return [line for line in lines if re.match(r"[\w.-]+", line)[0].lower() not in REPLACED | WITHOUT_NIGHTLY]


if __name__ == "__main__":
    print("\n".join(other_requirements()))
