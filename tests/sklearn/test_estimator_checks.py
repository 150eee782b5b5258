"""The checks of scikit-learn for all estimators, at a tiny setting.

`make test` runs a few of them; `make estimators` all, with RME_ALL_CHECKS=1. Failures that are expected have a reason.
"""

import os

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from rme_tf.sklearn import MixtureVAETransformer

TINY = MixtureVAETransformer(latent_dim=1, num_components=2, units=(2,), epochs=1, batch_size=100, importance_samples=4)
DRAWN = "the bound of a row has noise that depends on the place of the row"
ROUNDED = "float32, whose rounding depends on the number of rows"
EXPECTED_FAILURES = {
    "check_methods_sample_order_invariance": DRAWN,
    "check_methods_subset_invariance": f"{DRAWN}; {ROUNDED}",
}
FEW = {
    "check_dict_unchanged",
    "check_estimators_nan_inf",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
}

pytestmark = [pytest.mark.usefixtures("eagerly"), pytest.mark.slow]


@parametrize_with_checks([TINY], expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_the_transformer_passes_the_checks_of_scikit_learn(estimator, check):
    name = getattr(check, "func", check).__name__
    if not os.environ.get("RME_ALL_CHECKS") and name not in FEW:
        pytest.skip("`make estimators` runs it")
    check(estimator)


def test_expected_failures_have_reasons():
    assert all(len(reason.split()) > 3 for reason in EXPECTED_FAILURES.values())
