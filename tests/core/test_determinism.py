"""Deterministic operations: for a while, and back."""

import pytest
import tensorflow as tf

from rme_tf.core import determinism
from rme_tf.core.determinism import deterministic_operations, is_deterministic


def test_operations_are_deterministic_within_the_block_alone():
    assert is_deterministic() is False
    with deterministic_operations():
        assert is_deterministic() is True
    assert is_deterministic() is False


def test_they_are_not_afterwards_where_the_block_raises():
    with pytest.raises(KeyError), deterministic_operations():
        raise KeyError
    assert is_deterministic() is False


def test_blocks_within_another_leave_its_operations_deterministic():
    with deterministic_operations():
        with deterministic_operations():
            pass
        assert is_deterministic() is True
        with deterministic_operations(False):
            assert is_deterministic() is True
        assert is_deterministic() is True
    assert is_deterministic() is False


def test_nothing_changes_where_that_is_not_enabled():
    with deterministic_operations(False):
        assert is_deterministic() is False


def test_without_tensorflow_s_private_functions_they_stay_deterministic(monkeypatch):
    enabled = []
    monkeypatch.setattr(determinism, "config", None)
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: enabled.append(True))
    with deterministic_operations():
        assert is_deterministic() is None
    assert enabled == [True]
