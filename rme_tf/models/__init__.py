"""The variational autoencoder with a mixture posterior, and its Keras training loop."""

from rme_tf.models.vae import VAE

__all__ = ["VAE"]
