"""Figures of codes: a color and a name for each label."""

import numpy as np
import pytest

from rme_tf import plots


def legend_of(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def points_of(figure):
    return [np.asarray(part.get_offsets()) for part in figure.axes[0].collections]


def test_each_label_has_its_points_its_color_and_its_name(rng, tmp_path):
    codes, labels = rng.normal(size=(30, 2)), np.arange(30) % 3
    figure = plots.latent_codes(codes, labels, ("ant", "bee", "cat"), title="VAE")
    assert legend_of(figure) == ["ant", "bee", "cat"]
    for label, points in enumerate(points_of(figure)):
        np.testing.assert_array_equal(points, codes[labels == label])
    shades = {tuple(part.get_facecolor()[0]) for part in figure.axes[0].collections}
    assert len(shades) == 3
    plots.save(figure, tmp_path / "codes.png")


def test_rare_labels_and_rows_without_one_are_gray(rng):
    labels = np.concatenate([np.repeat(np.arange(30), 2), [0] * 9, [-1] * 5])
    figure = plots.latent_codes(rng.normal(size=(len(labels), 2)), labels, [f"class {i}" for i in range(30)])
    names = legend_of(figure)
    assert len(names) == 26
    assert names[-2:] == ["other labels", "no label"]
    assert sum(map(len, points_of(figure))) == len(labels)
    assert len(points_of(figure)[-1]) == 5
    assert len(points_of(figure)[0]) == 11


def test_without_labels_all_points_have_one_color(rng):
    figure = plots.latent_codes(rng.normal(size=(30, 2)))
    assert [len(points) for points in points_of(figure)] == [30]
    assert not figure.legends


@pytest.mark.parametrize(("size", "xlabel"), [(1, "$z_1$"), (2, "$z_1$"), (5, "principal component 1")])
def test_codes_of_any_size_are_drawn_in_two_dimensions(size, xlabel, rng):
    codes = rng.normal(size=(20, size)) * np.linspace(3.0, 1.0, size)
    figure = plots.latent_codes(codes, np.zeros(20, int), ["one"])
    (points,) = points_of(figure)
    assert figure.axes[0].get_xlabel().startswith(xlabel)
    if size == 5:  # singular values of the centered codes are the spreads along the components
        spreads = np.linalg.svd(codes - codes.mean(axis=0), compute_uv=False)
        np.testing.assert_allclose(np.linalg.norm(points, axis=0), spreads[:2], rtol=1e-6)
    else:
        np.testing.assert_array_equal(points[:, :size], codes)


@pytest.mark.parametrize(
    ("codes", "labels", "message"),
    [
        (np.zeros((0, 2)), None, "`codes` must be .N, D., not empty"),
        (np.full((3, 2), np.nan), None, "`codes` must be finite"),
        (np.zeros((3, 2)), np.zeros(2, int), "`labels` must be 3 integers"),
        (np.zeros((3, 2)), np.array([0, 1, 2]), "`labels` must be from 0 to 1, or -1. Received: 0 to 2"),
    ],
    ids=["empty", "nan", "length", "range"],
)
def test_points_and_labels_that_do_not_fit_are_refused(codes, labels, message):
    with pytest.raises(ValueError, match=message):
        plots.latent_codes(codes, labels, ["a", "b"])
