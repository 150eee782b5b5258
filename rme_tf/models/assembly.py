"""A model as the sum of its parts: built from their names, described by their configurations."""

import keras

from rme_tf.models import building
from rme_tf.models.artifacts import write_artifact
from rme_tf.models.stored_state import StoredModel
from rme_tf.models.training import TrainableModel
from rme_tf.refinements import as_refinement


class AssembledModel(StoredModel, TrainableModel):
    """What puts the parts of a `rme_tf.VAE` together; the forward maths are left to it."""

    @classmethod
    def from_names(
        cls,
        *,
        encoder="conv",
        decoder="conv",
        input_shape,
        latent_dim,
        num_components=None,
        posterior="diag_normal",
        likelihood="bernoulli",
        prior="standard_normal",
        mixing="uniform",
        encoder_options=None,
        decoder_options=None,
        likelihood_options=None,
        **kwargs,
    ):
        """Returns a VAE built from the names in the library's tables; a Keras model may stand for a network's name.

        Args:
            encoder: a name in `networks.ENCODERS`, a Keras model, or a list of M of them.
            decoder: a name in `networks.DECODERS`, or a Keras model.
            input_shape: shape of one observation.
            latent_dim: D.
            num_components: M; unless given, the length of a list of encoders, else 1.
            posterior: a name in `posteriors.POSTERIORS`, or a `PosteriorFamily`.
            likelihood: a name in `likelihoods.LIKELIHOODS`, or a `Likelihood`.
            prior: a name in `priors.PRIORS`, or a `Prior`.
            mixing: a name in `posteriors.MIXINGS`, or a `Mixing`.
            encoder_options: dict of further arguments of the encoder's builder, or a list of one for each component.
            decoder_options: dict of further arguments of the decoder's builder.
            likelihood_options: dict of further arguments of the likelihood.
            **kwargs: further arguments of `VAE`; `refinement_options` and `prior_options` of those by name. `trunk` may
                be "shared": the encoders, built by name, have all but their last layers in common; or a name in
                `networks.COMPONENT_NETWORKS`, which takes `trunk_options`.

        Raises:
            ValueError: for unknown names (the message lists the choices) and parts that do not fit.
        """
        num_components = building.count_components(encoder, num_components, kwargs.get("trunk"))
        parts = building.choose_parts(
            {"posterior": posterior, "likelihood": likelihood, "prior": prior, "mixing": mixing},
            posterior={"latent_dim": latent_dim},
            likelihood={"event_shape": input_shape, **(likelihood_options or {})},
            prior={"latent_dim": latent_dim, **(kwargs.pop("prior_options", None) or {})},
        )
        networks = building.build_networks(
            encoder,
            decoder,
            parts,
            **{name: kwargs.pop(name, None) for name in ("trunk", "trunk_options")},
            num_components=num_components,
            encoder_options=encoder_options or {},
            decoder_options=decoder_options or {},
        )
        options = kwargs.pop("refinement_options", None)
        kwargs["refinement"] = as_refinement(kwargs.get("refinement"), parts["posterior"].num_params, options)
        return cls(**{**parts, **networks, "num_components": num_components, **kwargs})

    def get_config(self):
        """Returns the parts, serialised, so that `keras.saving.load_model` rebuilds the model."""
        parts = ("trunk", "decoder", "likelihood", "prior", "mixing", "mixing_network", "refinement")
        config = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in parts}
        config["posterior"] = keras.saving.serialize_keras_object(self.posterior_family)
        config["encoders"] = [keras.saving.serialize_keras_object(encoder) for encoder in self.encoders]
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Returns the model that `get_config` described, with new weights."""
        parts = {
            name: keras.saving.deserialize_keras_object(value, custom_objects=custom_objects)
            for name, value in config.items()
        }
        return cls(**parts)

    def export(self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs):
        """Writes the forward pass as a file, as Keras does: x [B, *event_shape] to the dict of `call`, any B.

        The answer for a row of x outside the likelihood's support is NaN.

        For a SavedModel that also samples, decodes and evaluates, see `rme_tf.export_saved_model`.

        Args:
            filepath: path of the file, or of the directory of a SavedModel.
            format: "tf_saved_model", "onnx", "litert" or "openvino".
            verbose: whether to print a message.
            input_signature: a list of one `tf.TensorSpec`, of x; None for [None, *event_shape].
            **kwargs: further arguments of `keras.Model.export`.

        Raises:
            ValueError: if Keras cannot write the model in that format, or not as a file that its runtime accepts.
        """
        write = super().export
        write_artifact(self, write, filepath, format=format, verbose=verbose, input_signature=input_signature, **kwargs)
