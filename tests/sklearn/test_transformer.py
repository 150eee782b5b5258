"""The transformer of scikit-learn: codes, scores in nats, pickles, pipelines and searches."""

import math
import pickle
import random

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import rme_tf
from rme_tf.data.tables import TableEncoding
from rme_tf.likelihoods import Bernoulli
from rme_tf.sklearn import MixtureVAETransformer

N, F, D = 24, 3, 2
SMALL = {"units": (4,), "epochs": 2, "batch_size": 12, "num_components": 2, "importance_samples": 8, "random_state": 0}

pytestmark = [pytest.mark.usefixtures("eagerly"), pytest.mark.slow]


def small(**settings):
    return MixtureVAETransformer(**{**SMALL, **settings})


def rows(seed=0):
    """Columns of different means and units."""
    return np.random.default_rng(seed).normal([3.0, -20.0, 0.0], [0.5, 10.0, 100.0], (N, F))


@pytest.fixture(scope="module")
def fitted():
    """One estimator, for tests that do not fit it again."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    estimator = small().fit(rows())
    tf.config.run_functions_eagerly(False)
    return estimator


def test_codes_means_scores_and_samples_have_their_shapes(fitted):
    x = rows()
    codes = fitted.transform(x)
    assert codes.shape == (N, D)
    assert codes.dtype == x.dtype
    assert fitted.transform(x.astype("float32")).dtype == np.float32
    assert fitted.inverse_transform(codes).shape == (N, F)
    assert fitted.score_samples(x).shape == (N,)
    assert fitted.score(x) == pytest.approx(fitted.score_samples(x).mean())
    assert fitted.sample(5, random_state=0).shape == (5, F)
    assert fitted.get_feature_names_out().tolist() == ["mixturevaetransformer0", "mixturevaetransformer1"]
    assert len(fitted.history_["elbo"]) == SMALL["epochs"]
    assert isinstance(fitted.model_, rme_tf.VAE)


def test_codes_are_the_means_of_the_mixture_and_scores_the_bounds_of_the_model(fitted):
    x = rows()
    standardized = ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32")
    np.testing.assert_allclose(fitted.transform(x), fitted.model_.codes(standardized), rtol=1e-5, atol=1e-6)
    options = {"num_samples": 8, "seed": fitted.seed_, "progress": False}
    bound = rme_tf.bounds(fitted.model_, standardized, **options).log_likelihood
    np.testing.assert_allclose(fitted.score_samples(x), bound - np.log(x.std(axis=0)).sum(), rtol=1e-5)
    mean = np.asarray(fitted.model_.render(np.zeros((1, D), "float32"))) * x.std(axis=0) + x.mean(axis=0)
    np.testing.assert_allclose(fitted.inverse_transform(np.zeros((1, D))), mean, rtol=1e-5)


def test_the_density_is_one_in_the_units_of_the_rows(fitted):
    """The model of rows in other units is the same, since both are standardized."""
    factors = np.array([1.0, 8.0, 0.25])
    other = small().fit(rows() * factors)
    np.testing.assert_allclose(other.transform(rows() * factors), fitted.transform(rows()), rtol=1e-4, atol=1e-5)
    assert other.score(rows() * factors) == pytest.approx(fitted.score(rows()) - np.log(factors).sum(), rel=1e-4)
    draws = other.sample(4, random_state=3)
    np.testing.assert_allclose(draws, fitted.sample(4, random_state=3) * factors, rtol=1e-3, atol=1e-3)


def test_a_seed_determines_a_fit_and_other_random_numbers_are_left_alone(fitted):
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002  the global state
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    again = small().fit(rows())
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
    for first, second in zip(again.model_.get_weights(), fitted.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    different = small(random_state=1).fit(rows())
    assert (different.transform(rows()) != fitted.transform(rows())).any()


def test_a_pickled_estimator_is_the_same_and_holds_no_tensor(fitted):
    assert {type(value).__module__.split(".")[0] for value in vars(fitted).values()} <= {"builtins", "numpy", "rme_tf"}
    data = pickle.dumps(fitted)
    copy = pickle.loads(data)
    np.testing.assert_array_equal(copy.transform(rows()), fitted.transform(rows()))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(copy)).score_samples(rows()), copy.score_samples(rows()))
    assert copy.get_params() == fitted.get_params()
    assert b"tensorflow" not in data.split(b"PK")[0]


def test_a_clone_is_not_fitted(fitted):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    for method in ("transform", "score_samples", "inverse_transform"):
        with pytest.raises(NotFittedError):
            getattr(copy, method)(rows())
    with pytest.raises(NotFittedError):
        copy.sample()
    assert not hasattr(copy, "model_")


def test_pipelines_column_transformers_and_data_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(rows(), columns=["a", "b", "c"])
    pipeline = make_pipeline(StandardScaler(), small()).set_output(transform="pandas")
    codes = pipeline.fit_transform(frame)
    assert list(codes) == ["mixturevaetransformer0", "mixturevaetransformer1"]
    assert pipeline[-1].feature_names_in_.tolist() == ["a", "b", "c"]
    assert pipeline.inverse_transform(codes.to_numpy()).shape == (N, F)
    columns = make_column_transformer((small(epochs=1), ["a", "b"]), remainder="passthrough")
    names = columns.fit(frame).get_feature_names_out().tolist()
    assert names == [*(f"mixturevaetransformer__mixturevaetransformer{d}" for d in range(D)), "remainder__c"]


def test_a_search_chooses_by_the_score():
    search = GridSearchCV(small(epochs=1), {"latent_dim": [1, 2]}, cv=2).fit(rows())
    results = search.cv_results_["mean_test_score"]
    assert np.isfinite(results).all()
    assert search.best_index_ == np.argmax(results)
    assert search.transform(rows()).shape == (N, search.best_params_["latent_dim"])


def test_other_likelihoods_take_their_own_values():
    binary = (rows() > rows().mean(axis=0)).astype(float)
    for likelihood in ("bernoulli", Bernoulli((F,))):
        estimator = small(likelihood=likelihood, epochs=1).fit(binary)
        assert ((estimator.inverse_transform(np.zeros((2, D))) >= 0) & (estimator.sample(2) <= 1)).all()
        assert estimator.scale_.tolist() == [1.0] * F
    with pytest.raises(ValueError, match="Bernoulli expects binary values"):
        small(likelihood="bernoulli").fit(rows())
    counts = np.random.default_rng(0).poisson(3.0, (N, F))
    assert small(likelihood="poisson", epochs=1).fit(counts).score(counts) < 0.0


def test_encoded_tables_are_columns():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"height": rows()[:, 0], "city": np.array(["a", "b", "c"])[np.arange(N) % 3]})
    encoding = TableEncoding.of_frame(frame)
    x = encoding.encode(frame)
    estimator = small(likelihood="columns", likelihood_options={"kinds": encoding.kinds}, epochs=1).fit(x)
    decoded = encoding.decode(estimator.sample(4, random_state=0))
    assert set(decoded["city"]) <= {"a", "b", "c"}
    assert estimator.get_params()["likelihood_options"] == {"kinds": encoding.kinds}


def test_missing_values_are_refused_or_imputed():
    x = rows()
    x[0, 1] = x[5, 2] = np.nan
    with pytest.raises(ValueError, match="pass missing=True.*contains NaN"):
        small().fit(x)
    estimator = small(missing=True).fit(x)
    np.testing.assert_allclose(estimator.mean_, np.nanmean(x, axis=0))
    assert np.isfinite(estimator.transform(x)).all()
    assert np.isfinite(estimator.score_samples(x)).all()
    imputed = estimator.impute(x)
    assert np.isfinite(imputed).all()
    np.testing.assert_array_equal(imputed[~np.isnan(x)], x[~np.isnan(x)])
    estimator.importance_samples = 4000
    empty = np.full((1, F), np.nan)
    assert estimator.score_samples(empty)[0] == pytest.approx(0.0, abs=0.1)  # of an integral that is one


def test_text_is_refused_with_the_way_to_encode_it():
    with pytest.raises(ValueError, match="encode_table, with likelihood='columns'"):
        small().fit(np.array([["a", "1"], ["b", "2"]], dtype=object))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"latent_dim": 0}, "`latent_dim` must be an integer of at least 1"),
        ({"epochs": 1.5}, "`epochs`"),
        ({"learning_rate": 0.0}, "`learning_rate` must be a finite number above 0"),
        ({"units": (0,)}, "`units`"),
        ({"standardize": "yes"}, "`standardize` must be one of 'auto', True, False"),
        ({"standardize": True, "likelihood": "bernoulli"}, "`standardize` must be 'auto' or False"),
        ({"likelihood": "normall"}, "Unknown likelihood.*Did you mean 'normal'"),
        ({"algorithm": "rme"}, "Unknown algorithm"),
        ({"algorithm": rme_tf.ELBO(), "algorithm_options": {"num_samples": 2}}, "`algorithm_options` are for"),
        ({"likelihood_options": {"scales": 1}}, "Unknown options of the likelihood 'normal'"),
    ],
    ids=str,
)
def test_invalid_settings_are_refused_by_fit_alone(setting, message):
    estimator = small(**setting)
    with pytest.raises(ValueError, match=message):
        estimator.fit(rows())


def test_the_warm_start_leaves_most_epochs_to_the_mixture(fitted):
    assert fitted.model_.algorithm.warm_start_epochs == 0  # of two epochs
    longer = small(epochs=10).fit(rows()[:4])
    assert longer.model_.algorithm.warm_start_epochs == 1
    assert not math.isnan(longer.history_["elbo"][-1])
