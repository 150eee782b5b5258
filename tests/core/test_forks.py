"""A fork of a process that has built a model is refused, and not left to hang."""

import os

import numpy as np
import pytest

import rme_tf
from conftest import build_tiny_model
from rme_tf.core import forks

X = np.zeros((3, 5), "float32")
CALLS = {
    "predict": lambda model: model.predict(X, verbose=0),
    "evaluate": lambda model: model.evaluate(X, verbose=0),
    "bounds": lambda model: rme_tf.bounds(model, X, num_samples=2, progress=False),
    "export_saved_model": lambda model: rme_tf.export_saved_model(model, "unwritten"),
}


def in_a_fork(call) -> bool:
    """Whether a call in a fork raises the error of forks."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            call()
        except RuntimeError as error:
            status = 0 if 'Start it otherwise: multiprocessing.get_context("spawn")' in str(error) else 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Python 3.12, for forks of processes with threads
def test_a_call_in_a_fork_of_a_process_with_a_model_is_an_error():
    model = build_tiny_model()
    model.compile("sgd", "elbo")
    for call in CALLS.values():
        assert in_a_fork(lambda call=call: call(model))


def test_this_process_is_no_fork_of_one_with_a_model():
    build_tiny_model()
    forks.refuse_fork()
