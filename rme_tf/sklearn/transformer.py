"""A transformer of scikit-learn: codes of a VAE with a mixture posterior."""

import numpy as np
import tensorflow as tf
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from rme_tf.core.validation import check_choice, check_count, check_counts, check_number, check_sizes, require
from rme_tf.evaluation import bounds, impute_mean
from rme_tf.generation.codes import mixture_means
from rme_tf.sklearn.model_building import fitted_model, likelihood_options
from rme_tf.sklearn.pickled_model import PickledModel

ROWS = 4096  # rows decoded at a time
MOST_SEED = 2**31 - 1
# What helps, by the words of scikit-learn's errors.
HINTS = {
    "contains NaN": "X has NaN. Where it is a missing value, pass missing=True.",
    "could not convert string to float": (
        "X has text. Pass the arrays of rme_tf.data.tables.encode_table, with likelihood='columns' and "
        "likelihood_options={'kinds': data.encoding.kinds}."
    ),
}


class MixtureVAETransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Codes of rows by a VAE with a mixture posterior.

    `transform` returns the mean of the posterior Q(z|x), a mixture over components, and `inverse_transform` the mean
    of p(x|z). `score` is a bound on log p(x), higher for a better model: with it, `GridSearchCV` compares settings.

    Args:
        latent_dim: number of latent dimensions D.
        num_components: number of components M of the posterior; 1 is the plain VAE.
        likelihood: name in `rme_tf.likelihoods.LIKELIHOODS`: "normal" or "student_t" for real numbers, "bernoulli" for
            0 and 1, "poisson" or "negative_binomial" for counts, "columns" for the arrays of a `TableEncoding`; or a
            `Likelihood`.
        likelihood_options: dict of options of a likelihood by name. Real numbers have a learned scale for each column
            by default.
        algorithm: name in `rme_tf.algorithms.ALGORITHMS`, or an `Algorithm`.
        algorithm_options: dict of options of an algorithm by name. The warm start takes a tenth of the epochs by
            default, at most 3.
        posterior: name in `rme_tf.posteriors.POSTERIORS`, the family of each component.
        units: units of each hidden layer of the encoders and the decoder.
        epochs: number of passes over the rows.
        batch_size: number of rows of a training step.
        learning_rate: learning rate of Adam.
        standardize: whether columns are standardized, True or False; "auto" for True with a likelihood of all real
            numbers. Results are in the units of X in any case.
        missing: whether NaN in X is a missing value.
        importance_samples: samples of `score`, over all components.
        random_state: seed, `np.random.RandomState`, or None for other random numbers at each fit.
        verbose: whether the training prints a line for each epoch, as in Keras: 0, 1 or 2.

    Attributes:
        model_: trained `rme_tf.VAE`, whose x is standardized if `standardize` is.
        history_: dict with the values of each epoch by name.
        mean_: mean of each column, 0 without standardization. Shape [n_features_in_].
        scale_: unit of each column, 1 without standardization. Shape [n_features_in_].
        seed_: seed of the fit.
        n_features_in_: number of columns of X.
        feature_names_in_: names of the columns of X, if it is a data frame.
    """

    def __init__(  # noqa: PLR0913  scikit-learn reads the settings from the signature
        self,
        *,
        latent_dim=2,
        num_components=5,
        likelihood="normal",
        likelihood_options=None,
        algorithm="recursive_mixture",
        algorithm_options=None,
        posterior="diag_normal",
        units=(64, 64),
        epochs=200,
        batch_size=32,
        learning_rate=1e-3,
        standardize="auto",
        missing=False,
        importance_samples=100,
        random_state=None,
        verbose=0,
    ):
        self.latent_dim = latent_dim
        self.num_components = num_components
        self.likelihood = likelihood
        self.likelihood_options = likelihood_options
        self.algorithm = algorithm
        self.algorithm_options = algorithm_options
        self.posterior = posterior
        self.units = units
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.standardize = standardize
        self.missing = missing
        self.importance_samples = importance_samples
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y=None):  # noqa: N803
        """Trains the model on the rows of X.

        Args:
            X: numbers in the support of the likelihood. Shape [N, F].
            y: ignored, part of the signature of all transformers.

        Raises:
            ValueError: if a setting is invalid, or the rows are outside of the likelihood's support.
        """
        del y
        self._check_settings()
        X = self._checked(X, reset=True)  # noqa: N806
        self.seed_ = int(check_random_state(self.random_state).randint(MOST_SEED))
        self.mean_, self.scale_ = self._moments(X)
        self._saved = PickledModel(fitted_model(self, self._standardized(X), seed=self.seed_))
        return self

    def transform(self, X):  # noqa: N803
        """Returns the posterior means [N, D] of rows.

        Args:
            X: rows like the ones of `fit`. Shape [N, F].
        """
        check_is_fitted(self)
        X = self._checked(X)  # noqa: N806
        inferred = self.model_.predict(self._standardized(X), verbose=0)
        return mixture_means(inferred["weights"], inferred["means"]).numpy().astype(X.dtype)

    def inverse_transform(self, X):  # noqa: N803
        """Returns the means [N, F] of p(x|z) for codes, in X's units.

        Args:
            X: latent codes. Shape [N, D].

        Raises:
            ValueError: for codes of another size.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=[np.float64, np.float32])
        if codes.shape[1] != self.latent_dim:
            raise ValueError(f"Expected codes with {self.latent_dim} columns. Received: {codes.shape[1]}.")
        parts = [codes[start : start + ROWS] for start in range(0, len(codes), ROWS)]
        means = [self.model_.render(part.astype(np.float32)).numpy() for part in parts]
        return self._in_units(np.concatenate(means)).astype(codes.dtype)

    def score_samples(self, X):  # noqa: N803
        """Returns the importance-weighted bound on log p(x) of each row, in nats.

        A density is one of X in its own units. With missing values, it is one of the seen values of a row.

        Args:
            X: rows like the ones of `fit`. Shape [N, F].

        Returns:
            log_likelihood: Shape [N].
        """
        check_is_fitted(self)
        X = self._checked(X)  # noqa: N806
        options = {"num_samples": self.importance_samples, "seed": self.seed_, "progress": False}
        values = bounds(self.model_, self._standardized(X), **options).log_likelihood.astype(np.float64)
        return values - np.where(np.isnan(X), 0.0, np.log(self.scale_)).sum(axis=-1)

    def score(self, X, y=None):  # noqa: N803
        """Returns the mean bound on log p(x), in nats; higher is better.

        Args:
            X: rows like the ones of `fit`. Shape [N, F].
            y: ignored, part of the signature of all estimators.
        """
        del y
        return float(self.score_samples(X).mean())

    def sample(self, n_samples=1, random_state=None):
        """Returns draws from p(x), in the units of X. Shape [n_samples, F].

        Args:
            n_samples: number of draws.
            random_state: seed, `np.random.RandomState`, or None for other draws at each call.
        """
        check_is_fitted(self)
        check_count("n_samples", n_samples)
        seed = check_random_state(random_state).randint(MOST_SEED, size=2)
        of_z, of_x = tf.unstack(tf.random.split(seed.astype(np.int32)))
        codes = self.model_.prior.distribution().sample(n_samples, seed=of_z)
        draws = [
            self.model_.decode(codes[start : start + ROWS]).sample(seed=tf.random.fold_in(of_x, start))
            for start in range(0, n_samples, ROWS)
        ]
        return self._in_units(np.concatenate(draws))

    def impute(self, X):  # noqa: N803
        """Returns X with the means of missing values given the seen ones.

        The estimator is one with `missing=True`. See `rme_tf.impute` for draws, from `model_`.

        Args:
            X: rows like the ones of `fit`. Shape [N, F].
        """
        check_is_fitted(self)
        X = self._checked(X)  # noqa: N806
        options = {"importance_samples": self.importance_samples, "seed": self.seed_}
        means = self._in_units(impute_mean(self.model_, self._standardized(X), **options))
        return np.where(np.isnan(X), means, X).astype(X.dtype)

    @property
    def model_(self):
        """The trained `rme_tf.VAE`."""
        check_is_fitted(self)
        return self._saved.model

    @property
    def _n_features_out(self) -> int:
        """Number of codes, for the names of the columns."""
        return self.latent_dim

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = bool(self.missing)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_saved")

    def _check_settings(self) -> None:
        """Raises ValueError for an invalid number."""
        check_counts(latent_dim=self.latent_dim, num_components=self.num_components, epochs=self.epochs)
        check_counts(batch_size=self.batch_size, importance_samples=self.importance_samples)
        check_number("learning_rate", self.learning_rate, above=0.0)
        check_sizes("units", self.units)
        check_choice("standardize", self.standardize, ("auto", True, False))
        valid = self._is_real() or self.standardize is not True
        require(valid, "standardize", "be 'auto' or False, unless the likelihood is of all real numbers", True)

    def _is_real(self) -> bool:
        """Returns whether the likelihood is of all real numbers."""
        options = likelihood_options(self.likelihood, self.likelihood_options)
        of_instance = getattr(self.likelihood, "values", None) == "real"
        return of_instance or ("interval" in options and options["interval"] is None)

    def _checked(self, X, reset: bool = False):  # noqa: N803
        """Returns checked rows, float64 or float32. Shape [N, F]."""
        finite = "allow-nan" if self.missing else True
        dtypes = [np.float64, np.float32]
        try:
            return validate_data(self, X, dtype=dtypes, ensure_all_finite=finite, reset=reset)
        except ValueError as error:
            hint = next((hint for words, hint in HINTS.items() if words in str(error)), None)
            if hint is None:
                raise
            raise ValueError(f"{hint} scikit-learn: {error}") from error

    def _moments(self, X):  # noqa: N803
        """Returns the mean and the scale of each column; 0 and 1 without standardization."""
        if self.standardize is False or not self._is_real():
            return np.zeros(X.shape[1]), np.ones(X.shape[1])
        X = X.astype(np.float64)  # noqa: N806
        count = np.maximum(np.sum(~np.isnan(X), axis=0), 1)
        mean = np.nansum(X, axis=0) / count
        scale = np.sqrt(np.nansum(np.square(X - mean), axis=0) / count)
        return mean, np.where(scale > 0.0, scale, 1.0)

    def _standardized(self, X):  # noqa: N803
        return ((X - self.mean_) / self.scale_).astype(np.float32)

    def _in_units(self, x):
        return x * self.scale_ + self.mean_
