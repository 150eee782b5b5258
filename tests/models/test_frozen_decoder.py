"""A decoder that does not train: inference alone, on p(x, z) that stays as it is."""

import keras
import numpy as np
import pytest

from definition import UPDATES, algorithm, assert_same_gradients, recorded_gradients
from rme_tf import ELBO, RecursiveMixture
from rme_tf.likelihoods import Normal

RULES = {"elbo": ELBO(), **{update: algorithm(update=update) for update in UPDATES}}
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def freeze(model):
    model.decoder.trainable = model.likelihood.trainable = False


@every_rule
def test_a_frozen_decoder_has_no_gradients_and_the_encoders_keep_theirs(tiny_model, binary_data, rule):
    model, x = tiny_model(2, mixing="learned", likelihood=Normal((5,), interval=None)), binary_data()
    whole = recorded_gradients(model, rule, x)
    of_p = {variable.path for variable in model.generative_variables}
    assert len(of_p) == 5  # two layers and the scale
    freeze(model)
    gradients = recorded_gradients(model, rule, x)
    assert set(whole) - set(gradients) == of_p
    assert_same_gradients(gradients, {path: whole[path] for path in set(whole) - of_p}, 1e-6)


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.usefixtures("eagerly")
def test_a_frozen_decoder_stays_in_fit_and_on_disk(tiny_model, binary_data, tmp_path, update):
    model, x = tiny_model(2), binary_data()
    freeze(model)
    before = [part.get_weights() for part in (model.decoder, *model.encoders)]
    model.compile(keras.optimizers.AdamW(0.05, weight_decay=0.1), RecursiveMixture(update=update, warm_start_epochs=1))
    model.fit(x, batch_size=len(x), epochs=2, verbose=0)
    decoder, *encoders = (part.get_weights() for part in (model.decoder, *model.encoders))
    assert all(np.array_equal(old, new) for old, new in zip(before[0], decoder, strict=True))
    for old, new in zip(before[1:], encoders, strict=True):
        assert not any(np.array_equal(*pair) for pair in zip(old, new, strict=True))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.generative_variables == []
    assert len(loaded.trainable_variables) == len(model.trainable_variables) == 8  # of two encoders
