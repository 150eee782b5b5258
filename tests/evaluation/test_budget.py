"""What an evaluation computes at once: bounded whatever the pixels, the observations and the components."""

import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf import bounds
from rme_tf.evaluation import bound_progress, chunking, likelihood_bounds
from rme_tf.evaluation.chunking import Chunks, chunks, codes_at_once, layer_sizes

PATTERNS = np.array([[1, 0, 1, 0, 1], [0, 0, 0, 1, 1], [1, 1, 1, 1, 1]], np.float32)
EVERY = {"num_samples": 12, "seed": 7, "progress": False}


@pytest.fixture(autouse=True)
def devices(monkeypatch):
    """The GPUs that there are said to be: none."""
    gpus = []
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: gpus if kind == "GPU" else [])
    return gpus


def image_model(shape, num_components=1, decoder="conv", **choices):
    return rme_tf.VAE.from_names(
        encoder="mlp",
        encoder_options={"units": ()},
        decoder=decoder,
        input_shape=shape,
        latent_dim=2,
        num_components=num_components,
        **choices,
    )


def test_more_go_at_once_on_a_gpu_within_the_same_memory(devices):
    small, large = (image_model((side, side, 1)) for side in (8, 128))
    before = [codes_at_once(model) for model in (small, large)]
    devices.append("a GPU")
    assert [codes_at_once(model) for model in (small, large)] == [2**15, before[1]]
    assert before[1] < before[0] == 2048


def test_small_images_go_as_many_at_once_as_there_is_use_for():
    model = image_model((28, 28, 1), num_components=5)
    assert codes_at_once(model) == chunking.MOST_CODES == 2048
    assert chunks(model, 128, 1000) == (128, 5, 3)
    assert chunks(model, 128, 2) == (128, 5, 2)


@pytest.mark.parametrize(
    ("shape", "decoder", "choices", "largest"),
    [
        ((64, 64, 3), "dcgan", {}, 64 * 64 * 64),  # the last map before the image has 64 filters
        ((64, 64, 3), "dcgan", {"likelihood": "discretized_logistic_mixture"}, 64 * 64 * 100),
        ((32, 32, 3), "mlp", {"likelihood": "categorical_pixels", "decoder_options": {"units": (4,)}}, 32 * 32 * 768),
        ((28, 28, 1), "pixelcnn", {"decoder_options": {"num_layers": 1, "filters": 96}}, 28 * 28 * 4 * 96),
        (
            (28, 28, 1),
            "pixelcnn",
            {"decoder_options": {"num_layers": 1, "filters": 96, "conditioning": "bias"}},
            28 * 28 * 192,
        ),
    ],
)
def test_the_largest_map_decides(shape, decoder, choices, largest):
    model = image_model(shape, decoder=decoder, **choices)
    assert max(*layer_sizes(model.decoder), np.prod(model.likelihood.params_shape)) == largest
    assert codes_at_once(model) == chunking.NUMBERS_AT_ONCE // largest < 2048
    rows, components, draws = chunks(model, 512, 1000)
    assert rows * components * draws <= codes_at_once(model)


def test_of_many_components_the_densities_count_too(tiny_model, monkeypatch):
    model = tiny_model(20, latent_dim=3)
    monkeypatch.setattr(chunking, "NUMBERS_AT_ONCE", 600)
    assert codes_at_once(model) == 10  # each with the densities of 20 components in 3 dimensions
    assert chunks(model, 4, 5) == (4, 2, 1)


def test_sequences_go_as_before():
    model = rme_tf.VAE.from_names(
        encoder="lstm",
        decoder="lstm",
        input_shape=(None,),
        latent_dim=2,
        num_components=2,
        likelihood="categorical_sequence",
        likelihood_options={"vocabulary_size": 9, "features": 4},
        encoder_options={"units": 4, "embedding_size": 3},
        decoder_options={"units": 4, "embedding_size": 3},
    )
    assert chunks(model, 32, 1000) == (32, 2, 32)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [(1, (1, 1, 1)), (2, (2, 1, 1)), (3, (3, 1, 1)), (7, (3, 2, 1)), (11, (3, 3, 1)), (18, (3, 6, 1)), (40, (3, 6, 2))],
)
def test_components_are_split_before_observations(tiny_model, monkeypatch, codes, expected):
    monkeypatch.setattr(chunking, "MOST_CODES", codes)
    assert chunks(tiny_model(6), 3, 100) == Chunks(*expected)


# The bounds do not depend on it.


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(("codes", "mixing"), [(3, "uniform"), (6, "learned"), (9, "learned")])
def test_bounds_are_the_same_from_all_components_at_once_and_from_few(tiny_model, monkeypatch, codes, mixing):
    model = tiny_model(6, mixing=mixing)
    monkeypatch.setattr(chunking, "MOST_CODES", 18)  # all six of three observations, one draw of each
    whole = bounds(model, PATTERNS, **EVERY)
    monkeypatch.setattr(chunking, "MOST_CODES", codes)
    assert chunks(model, 3, 2) == (3, codes // 3, 1)
    for name, value, expected in zip(whole._fields, bounds(model, PATTERNS, **EVERY), whole, strict=True):
        np.testing.assert_allclose(value, expected, rtol=2e-5, atol=2e-5, err_msg=name)


@pytest.mark.usefixtures("eagerly")
def test_observations_are_split_where_one_component_is_too_much(tiny_model, monkeypatch):
    model, seen = tiny_model(2), []

    def recorded(model, x, num_draws, seed, chunk, block, *, fused, progress):
        seen.append((len(x), tuple(seed.numpy()), chunk, block))
        return likelihood_bounds.Bounds(*([x[:, 0]] * 4), *([x[:, :2]] * 2))

    monkeypatch.setattr(chunking, "MOST_CODES", 2)
    monkeypatch.setattr(likelihood_bounds, "bounds_of_batch", recorded)
    for data in (PATTERNS, tf.data.Dataset.from_tensor_slices(PATTERNS).batch(3)):
        np.testing.assert_array_equal(bounds(model, data, **EVERY, batch_size=3).elbo, PATTERNS[:, 0])
    assert seen == [(2, (7, 0), 1, 1), (1, (7, 2), 1, 1)] * 2


@pytest.mark.parametrize(("codes", "rows", "count"), [(2, (2, 1), 12), (6, (3,), 6), (12, (3,), 3)])
def test_the_bar_moves_with_each_chunk_of_draws(tiny_model, monkeypatch, codes, rows, count):
    model, moves = tiny_model(2), []
    monkeypatch.setattr(chunking, "MOST_CODES", codes)
    monkeypatch.setattr(bound_progress.BoundProgress, "moved", lambda bar, share: moves.append((bar.rows, share)))
    options = {**EVERY, "progress": True, "batch_size": 3}
    shown = bounds(model, PATTERNS, **options)
    assert moves == [(size, pytest.approx(1.0 / count)) for size in rows for _ in range(count)]
    for value, expected in zip(shown, bounds(model, PATTERNS, **{**options, "progress": False}), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_a_bar_ends_at_its_batches(tiny_model, monkeypatch, capsys):
    model, ends, close = tiny_model(2), [], bound_progress.tqdm.close
    monkeypatch.setattr(bound_progress.tqdm, "close", lambda bar: ends.append((bar.n, bar.total)) or close(bar))
    unknown = tf.data.Dataset.from_tensor_slices(PATTERNS).batch(2).filter(lambda x: True)
    for data, total in ((PATTERNS, 2), (unknown, None)):
        ends.clear()
        bounds(model, data, **{**EVERY, "progress": True}, batch_size=2)
        assert ends[0] == (pytest.approx(2.0, abs=1e-5), total)
    assert "log p(x) by 12 samples" in capsys.readouterr().err


@pytest.mark.slow
def test_a_served_model_splits_its_components_too(tiny_model, monkeypatch):
    model = tiny_model(6)
    expected = likelihood_bounds.bounds_of_batch(model, PATTERNS, 4, (7, 0), 1).log_likelihood
    monkeypatch.setattr(chunking, "MOST_CODES", 128)
    assert chunks(model, 64) == (64, 2, 1)
    from rme_tf.serving.saved_model import Endpoints

    answer = Endpoints(model, 1).log_likelihood(PATTERNS, 24, 7)["log_likelihood"]
    np.testing.assert_allclose(answer, expected, rtol=1e-5)
