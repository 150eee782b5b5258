"""Refinements of a posterior whose components share a flow: its params stay equal, and climb by the sum."""

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.core.types import Encoding
from rme_tf.posteriors import IAF
from rme_tf.refinements import REFINEMENTS, elbo_gradient
from rme_tf.refinements.gradient import clipped
from test_refined_families import along_the_path
from test_refinements import SEED

OWN, SHARED = 4, 3


def model_of(tiny_model, **choices):
    family = IAF(2, shared=True, units=(4,), context_size=SHARED)
    return tiny_model(2, mixing="learned", trunk="shared", posterior=family, spread=0.3, **choices)


@pytest.mark.slow
def test_the_gradient_in_shared_params_is_the_derivative_by_the_params_of_all_components(tiny_model, binary_data):
    model, x = model_of(tiny_model), tf.constant(binary_data(batch=1))
    encoding = model.amortised(x)
    found = elbo_gradient(model, x, encoding, SEED, num_samples=4).numpy()[0]
    np.testing.assert_array_equal(found[0, OWN:], found[1, OWN:])
    step = 1e-2
    rows = Encoding(*(tf.repeat(part, SHARED, axis=0) for part in encoding))
    shifts = tf.pad(step * tf.eye(SHARED), [[0, 0], [OWN, 0]])[:, tf.newaxis]  # of both components at once
    ends = [along_the_path(model, tf.repeat(x, SHARED, axis=0), rows, rows.params + s * shifts, 4) for s in (1.0, -1.0)]
    differences = (ends[0] - ends[1]).numpy() / (2.0 * step)
    assert np.abs(differences).min() > 1e-3
    np.testing.assert_allclose(found[0, OWN:], differences, rtol=5e-3, atol=2e-3)  # float32 of a bound, and step^2


@pytest.mark.slow
@pytest.mark.parametrize("refinement", sorted(REFINEMENTS))
def test_refined_params_of_the_flow_stay_equal_and_move(tiny_model, binary_data, refinement):
    options = {"steps": 2, **({"units": (4,)} if refinement == "iai" else {})}
    model = model_of(tiny_model, refinement=refinement, refinement_options=options)
    x = binary_data()
    before, after = model.amortised(x).params.numpy(), model.encode(x).params.numpy()
    np.testing.assert_array_equal(after[:, 0, OWN:], after[:, 1, OWN:])
    assert (np.abs(after - before).max(axis=(0, 1)) > 1e-5).all()
    assert np.abs(after[:, 0, :OWN] - after[:, 1, :OWN]).max() > 0.01


def test_shared_params_count_once_in_the_norm_of_a_gradient(rng):
    gradient = rng.normal(size=(2, 3, OWN + SHARED)).astype("float32")
    gradient[:, :, OWN:] = gradient[:, :1, OWN:]
    result = clipped(tf.constant(gradient), 0.5, 2, SHARED).numpy()
    others = np.concatenate([result[:, :, 2:OWN].reshape(2, -1), result[:, 0, OWN:]], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(others, axis=-1), 0.5, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(result[:, :, :2], axis=(1, 2)), 0.5, rtol=1e-5)
