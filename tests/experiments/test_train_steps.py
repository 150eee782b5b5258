"""Budgets in steps, initial weights by name, and the bounds of each observation."""

import itertools

import keras
import numpy as np
import pytest

import rme_tf
from rme_tf.experiments import with_fields
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.recipes.growth import check_growth
from rme_tf.experiments.recipes.initial_weights import draw_by_name
from rme_tf.experiments.runs import runner
from rme_tf.networks import lstm_encoder
from small_recipes import image_recipe

TINY = {
    "dataset": "digits",
    "encoder": "mlp",
    "decoder": "mlp",
    "mlp_units": (4,),
    "trunk": "shared",
    "latent_dim": 2,
    "components": 1,
    "algorithm": "elbo",
    "train_size": 64,
    "test_size": 8,
    "batch_size": 16,
    "importance_samples": 4,
}


@pytest.mark.parametrize(
    ("steps", "legs"),
    [(None, [(5, 4)]), (20, [(5, 4)]), (99, [(5, 4)]), (11, [(2, 4), (3, 3)]), (8, [(2, 4)]), (3, [(1, 3)])],
)
def test_the_last_epoch_has_the_steps_that_are_left(steps, legs):
    assert runner.legs_of(image_recipe(**TINY, epochs=5, train_steps=steps), steps_per_epoch=4) == legs


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_training_takes_its_steps_and_goes_on_where_it_ended(tmp_path, monkeypatch):
    recipe = image_recipe(**TINY, epochs=5, train_steps=6, schedule="cosine", out=str(tmp_path / "run"))
    finished = runner.run(recipe)
    assert int(finished.model.optimizer.iterations) == 6
    assert len(finished.history["seconds"]) == 2
    np.testing.assert_allclose(finished.model.optimizer.learning_rate, 0.0, atol=1e-9)  # the cosine has ended too
    bounds = np.load(tmp_path / "run" / "bounds.npz")
    test = finished.record["metrics"]["test"]
    for name in ("elbo", "log_likelihood"):
        assert bounds[f"test_{name}"].shape == (8,)
        np.testing.assert_allclose(bounds[f"test_{name}"].mean(), test[name], rtol=1e-5)

    fit = rme_tf.VAE.fit
    calls = itertools.count()

    def interrupted(model, *args, **options):
        if next(calls):
            raise KeyboardInterrupt
        return fit(model, *args, **options)

    again = with_fields(recipe, {"out": str(tmp_path / "again")})
    with monkeypatch.context() as patch:
        patch.setattr(rme_tf.VAE, "fit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            runner.run(again)  # between the whole epochs and the rest
    resumed = runner.run(again)
    for one, other in zip(finished.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_cosine_falls_over_the_steps_of_training():
    recipe = image_recipe(**TINY, epochs=5, schedule="cosine")
    for steps, decay in ((None, 20), (7, 7), (99, 20)):
        changed = with_fields(recipe, {"train_steps": steps})
        assert factories.make_optimizer(changed, steps_per_epoch=4)._learning_rate.decay_steps == decay


def test_steps_that_end_within_the_warm_start_are_refused():
    recipe = image_recipe(components=3, warm_start_epochs=3, epochs=50, train_steps=30)
    check_growth({"rme": recipe})  # the steps of an epoch are not known
    check_growth({"rme": recipe}, steps_per_epoch=9)
    with pytest.raises(ValueError, match="rme: the warm start takes all epochs.*`train_steps` / 10 of at least 4"):
        check_growth({"rme": recipe}, steps_per_epoch=10)


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"train_steps": 0}, "`train_steps` must be"), ({"patience": 2, "train_steps": 9}, "`patience` counts epochs")],
)
def test_impossible_budgets_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        image_recipe(**fields)


def weights_of(recipe):
    """Weights of the networks that all models have."""
    keras.utils.set_random_seed(recipe.seed)
    model = factories.make_model(recipe, {"input_shape": (8, 8, 1)})
    networks = {"trunk": model.trunk, "decoder": model.decoder, "encoder_0": model.encoders[0]}
    return {name: network.get_weights() for name, network in networks.items()}


def same(one, other, name):
    return all(np.array_equal(a, b) for a, b in zip(one[name], other[name], strict=True))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_weights_by_name_are_all_random_weights_of_recurrent_networks(bidirectional):
    options = {"vocabulary_size": 7, "embedding_size": 3, "units": 4, "bidirectional": bidirectional}
    networks = []
    for seed in (0, 1):
        keras.utils.set_random_seed(seed)
        networks.append(lstm_encoder((None,), 2, name="encoder", **options))
    assert sum(differing(*networks)) >= 4  # embeddings, kernel, recurrent kernel, output
    draw_by_name(networks, seed=3)
    assert not any(differing(*networks))


def differing(one, other):
    """Whether each weight of a network differs from that of the other."""
    return [not np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True)]


@pytest.mark.slow
def test_weights_by_name_do_not_depend_on_the_other_networks():
    base = image_recipe(**{**TINY, "weights_by_name": True})
    vae = weights_of(base)
    rme = weights_of(with_fields(base, {"algorithm": "recursive_mixture", "components": 3}))
    assert all(same(vae, rme, name) for name in vae)
    assert all(same(vae, weights_of(with_fields(base, {"posterior": "iaf"})), name) for name in ("trunk", "decoder"))
    other = weights_of(with_fields(base, {"seed": 1}))
    assert not any(same(vae, other, name) for name in vae)
    in_order = weights_of(with_fields(base, {"weights_by_name": False}))
    assert not same(in_order, weights_of(with_fields(base, {"weights_by_name": False, "components": 3})), "decoder")
    kernels = [vae["trunk"][0], vae["decoder"][0]]
    assert not np.array_equal(kernels[0].ravel()[:8], kernels[1].ravel()[:8])
    limits = [np.sqrt(6 / sum(kernel.shape)) for kernel in kernels]  # of Glorot and Bengio's uniform distribution
    for kernel, limit in zip(kernels, limits, strict=True):
        assert 0.8 * limit < np.abs(kernel).max() <= limit
