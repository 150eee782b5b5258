"""A VAE with a mixture posterior as an estimator of scikit-learn.

from rme_tf.sklearn import MixtureVAETransformer

pipeline = make_pipeline(SimpleImputer(), MixtureVAETransformer(latent_dim=2, random_state=0))
codes = pipeline.fit_transform(X)  # [N, 2]
"""

from rme_tf.sklearn.transformer import MixtureVAETransformer

__all__ = ["MixtureVAETransformer"]
