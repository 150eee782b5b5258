"""Likelihood of columns of several kinds, against SciPy column by column, in float64."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import expit, log_softmax, softmax

from rme_tf.likelihoods import Columns, Observed

# Kinds in a mixed order, twice of each, and categories of two sizes.
KINDS = ["real", ("category", 3), "count", "binary", "real", ("category", 2), "count", ("category", 3), "binary"]
F, S, B = 14, 3, 4
X = np.array(
    [
        [0.3, 0, 1, 0, 2, 1, -1.5, 1, 0, 0, 1, 0, 0, 0],
        [-2.0, 1, 0, 0, 0, 0, 0.0, 0, 1, 7, 0, 1, 0, 1],
        [4.5, 0, 0, 1, 31, 1, 0.2, 1, 0, 1, 0, 0, 1, 1],
        [0.0, 1, 0, 0, 1, 0, 1.1, 0, 1, 0, 1, 0, 0, 0],
    ],
    np.float32,
)
# Positions in x of the blocks, in the order of the params: by kind, then by number of levels.
BLOCKS = {
    "binary": [5, 13],
    "category2": [7, 8],
    "category3": [1, 2, 3, 10, 11, 12],
    "count": [4, 9],
    "real": [0, 6],
}


def build(**options):
    """A likelihood with weights that differ."""
    likelihood = Columns((F,), KINDS, **options)
    rng = np.random.default_rng(2)
    for variable in likelihood.weights:
        variable.assign(variable.numpy() + rng.normal(scale=0.3, size=variable.shape))
    return likelihood


def params_of(likelihood, lead=(S, B), spread=1.0):
    return np.random.default_rng(4).normal(scale=spread, size=(*lead, *likelihood.params_shape)).astype(np.float32)


def softplus(values):
    return np.logaddexp(0.0, values)


def part_of(likelihood, kind):
    names = {"count": ("NegativeBinomial", "Poisson"), "real": ("Normal", "StudentT")}[kind]
    return next(part for part in likelihood.likelihoods if type(part).__name__ in names)


def scipy_log_probs(likelihood, params, x):
    """log p of each column, by block."""
    sizes = [len(entries) for entries in BLOCKS.values()]
    sizes[-1] *= 2 if likelihood.options["scale"] == "decoded" else 1
    params = dict(zip(BLOCKS, np.split(params.astype(float), np.cumsum(sizes)[:-1], axis=-1), strict=True))
    parts = {name: x[..., entries].astype(float) for name, entries in BLOCKS.items()}
    columns = [stats.bernoulli.logpmf(parts["binary"], expit(params["binary"]))]
    for levels in (2, 3):
        logits, rows = (values[f"category{levels}"] for values in (params, parts))
        logits = log_softmax(logits.reshape(*logits.shape[:-1], -1, levels), axis=-1)
        columns.append(np.sum(logits * rows.reshape(*rows.shape[:-1], -1, levels), axis=-1))
    columns.append(count_log_prob(part_of(likelihood, "count"), np.exp(params["count"]), parts["count"]))
    columns.append(real_log_prob(part_of(likelihood, "real"), params["real"], parts["real"]))
    return np.concatenate(columns, axis=-1)


def count_log_prob(likelihood, mean, x):
    if type(likelihood).__name__ == "Poisson":
        return stats.poisson.logpmf(x, mean)
    r = 1.0 / (softplus(likelihood.raw_dispersion.numpy().astype(float)) + likelihood.min_dispersion)
    return stats.nbinom.logpmf(x, r, r / (r + mean))


def real_log_prob(likelihood, params, x):
    raw = likelihood.raw_scale.numpy().astype(float) if likelihood.scale_kind == "per_pixel" else None
    if raw is None:
        params, raw = np.split(params, 2, axis=-1)
        raw = raw + np.log(np.expm1(likelihood.initial_scale - likelihood.min_scale))
    scale = softplus(raw) + likelihood.min_scale
    if type(likelihood).__name__ == "StudentT":
        return stats.t.logpdf(x, float(likelihood.df), params, scale)
    return stats.norm.logpdf(x, params, scale)


OPTIONS = [
    {},
    {"real": "student_t", "count": "poisson"},
    {"real": "student_t", "scale": "decoded", "min_scale": 0.1, "initial_scale": 0.5},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())) or "default")
def test_the_density_is_the_product_of_scipy_s(options):
    likelihood = build(**options)
    params, x = params_of(likelihood), X
    expected = scipy_log_probs(likelihood, params, np.broadcast_to(x, (S, B, F)))
    assert expected.shape == (S, B, len(KINDS))
    entries = likelihood.entry_log_prob(tf.constant(params), x)
    assert entries.shape == (S, B, F)
    assert entries.dtype == tf.float32
    np.testing.assert_allclose(np.asarray(entries).sum(axis=-1), expected.sum(axis=-1), rtol=1e-4, atol=1e-4)
    for log_prob in (
        likelihood.log_prob(params, x),
        likelihood.distribution(params).log_prob(x),
        likelihood.log_prob_of(tf.constant(x))(tf.constant(params)),
    ):
        np.testing.assert_allclose(log_prob, expected.sum(axis=-1), rtol=1e-4, atol=1e-4)  # float32
    np.testing.assert_array_equal(np.asarray(entries)[..., BLOCKS["category2"]][X[None, :, 7:9].repeat(S, 0) == 0], 0.0)


def test_discrete_columns_sum_to_one():
    likelihood = Columns((6,), ["binary", ("category", 3), ("category", 2)])
    levels = itertools.product([[0.0], [1.0]], np.eye(3).tolist(), np.eye(2).tolist())
    x = np.array([[*first, *second, *third] for first, second, third in levels], np.float32)
    total = np.exp(np.asarray(likelihood.log_prob(params_of(likelihood, (1,), 2.0), x), float)).sum()
    assert total == pytest.approx(1.0, abs=1e-5)


def test_a_missing_column_counts_for_nothing_and_a_category_counts_once():
    likelihood = build()
    params = params_of(likelihood)
    log_prob = scipy_log_probs(likelihood, params, np.broadcast_to(X, (S, B, F)))
    order = {"binary": [0, 1], "category2": [2], "category3": [3, 4], "count": [5, 6], "real": [7, 8]}
    hidden, total = X.copy(), log_prob.sum(axis=-1)
    for entries, column in (([1, 2, 3], order["category3"][0]), ([9], order["count"][1]), ([0], order["real"][0])):
        hidden[:, entries] = np.nan
        total = total - log_prob[..., column]
    observed = Observed(likelihood)
    observed.check(hidden)
    np.testing.assert_allclose(observed.log_prob(params, hidden), total, rtol=1e-4, atol=1e-4)
    with tf.GradientTape() as tape:
        variable = tf.Variable(params)
        loss = tf.reduce_sum(observed.log_prob(variable, hidden))
    assert np.isfinite(tape.gradient(loss, variable)).all()


def test_draws_are_in_the_support_and_have_the_means():
    likelihood = build()
    params = params_of(likelihood, (), 0.7)
    p = likelihood.distribution(params)
    draws = p.sample(20_000, seed=(0, 1))
    assert draws.shape == (20_000, F)
    likelihood.check(draws)
    mean = np.asarray(p.mean(), float)
    sizes = np.cumsum([len(entries) for entries in BLOCKS.values()])
    logits = params[sizes[1] : sizes[2]].astype(float)
    np.testing.assert_allclose(mean[BLOCKS["category3"]], softmax(logits.reshape(2, 3), axis=-1).ravel(), rtol=1e-5)
    np.testing.assert_allclose(mean[BLOCKS["count"]], np.exp(params[sizes[2] : sizes[3]]), rtol=1e-5)
    error = np.std(draws, axis=0) / np.sqrt(len(draws))
    assert (np.abs(np.mean(draws, axis=0) - mean) < 5 * error).all()
    np.testing.assert_array_equal(draws, p.sample(20_000, seed=(0, 1)))


@pytest.mark.parametrize(
    ("entry", "value", "wrong"),
    [
        (0, np.nan, [0]),
        (0, np.inf, [0]),
        (4, -1.0, [4]),
        (4, 0.5, [4]),
        (5, 2.0, [5]),
        (1, 1.0, [1, 2, 3]),
        (2, 0.0, [1, 2, 3]),
        (2, 0.5, [1, 2, 3]),
        (2, np.nan, [1, 2, 3]),
    ],
    ids=str,
)
def test_what_is_outside_of_the_support_is_seen(entry, value, wrong):
    x = X.copy()
    assert np.asarray(build().in_support(x)).all()
    x[0, entry] = value
    assert np.argwhere(~np.asarray(build().in_support(x))).tolist() == [[0, position] for position in wrong]
    with pytest.raises(ValueError, match="Columns expects encoded columns: real values, counts, 0 or 1, and one-hot"):
        build().check(x)


def test_encoders_read_the_logarithm_of_counts():
    expected = X.copy()
    expected[:, BLOCKS["count"]] = np.log1p(X[:, BLOCKS["count"]])
    np.testing.assert_allclose(build().encoder_input(tf.constant(X)), expected, rtol=1e-6)
    assert Columns((2,)).encoder_input(X) is X


def test_a_configuration_has_the_kinds_and_options():
    likelihood = build(real="student_t", count="poisson")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(likelihood))
    copy.set_weights(likelihood.get_weights())
    params = params_of(likelihood)
    np.testing.assert_array_equal(copy.log_prob(params, X), likelihood.log_prob(params, X))
    assert copy.get_config() == likelihood.get_config()


def test_a_saved_model_of_columns_is_loaded_with_its_weights(tiny_model, tmp_path):
    model = tiny_model(pixels=F, likelihood="columns", likelihood_options={"kinds": KINDS})
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    z = tf.constant(np.random.default_rng(0).normal(size=(S, B, 1, 2)).astype(np.float32))
    for first, second in zip(model.log_joint(X, z), loaded.log_joint(X, z), strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(model(X)["means"], loaded(X)["means"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kinds": ["real"]}, "`kinds` must have 3 entries in all"),
        ({"kinds": ["real", "text", "real"]}, "`kinds` must be a sequence of .* Received: .*'text'"),
        ({"kinds": [("category", 1), ("category", 2)]}, "Received: .*'category', 1"),
        ({"kinds": [("real", 3)]}, "Received: .*'real', 3"),
        ({"kinds": "real"}, "`kinds` must be a sequence"),
        ({"kinds": []}, "`kinds` must be a sequence"),
        ({"real": "laplace"}, "`real` must be one of 'normal', 'student_t'"),
        ({"count": "binomial"}, "`count` must be one of"),
        ({"scale": "shared"}, "`scale` must be one of 'decoded', 'per_column'"),
        ({"min_scale": 0.0}, "min_scale"),
    ],
    ids=str,
)
def test_impossible_columns_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Columns((3,), **arguments)
    with pytest.raises(ValueError, match="`event_shape` must have one axis for `kinds`"):
        Columns((3, 1), ["real", "real", "real"])
