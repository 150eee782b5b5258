"""Tests of the figures: what they show, what they refuse, and that files are reproducible."""

import matplotlib
import numpy as np
import pytest
from matplotlib.patches import Ellipse

from rme_tf import plots
from rme_tf.plots import images as image_plots
from rme_tf.plots import posteriors


def images(count=6, height=28, channels=1, seed=0):
    return np.random.default_rng(seed).uniform(size=(count, height, height, channels))


def dirichlet(num_components, size):
    return np.random.default_rng(0).dirichlet(np.ones(num_components), size=size)


def panel(num_components=4, title="", **changes):
    means = np.random.default_rng(0).normal(size=(num_components, 2))
    scales = np.full((num_components, 2), 0.5)
    grid_x, grid_y = plots.grid_around(means, scales, num=40)
    log_joint = -0.5 * (grid_x**2 + (grid_y[:, None] - 1) ** 2) - 90
    weights = np.full(num_components, 1 / num_components)
    fields = (images(1)[0], grid_x, grid_y, log_joint, weights, means, scales, title)
    return plots.PosteriorPanel(*fields)._replace(**changes)


def histories(epochs=30):
    train = [-540.0, *np.linspace(-110, -95, epochs - 1)]
    return {
        "VAE": {"elbo": train, "val_elbo": [value - 2 for value in train], "loss": train},
        "RME": {"elbo": [value + 1 for value in train]},
    }


def labels(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


FIGURES = {
    "learning_curves": lambda: plots.learning_curves(histories()),
    "image_grid": lambda: plots.image_grid(images(), 3, "Samples"),
    "reconstructions": lambda: plots.reconstructions(images(), {"VAE": images()}),
    "posterior_2d": lambda: plots.posterior_2d({"VAE": [panel(1)], "RME": [panel(4)]}),
    "component_usage": lambda: plots.component_usage(dirichlet(4, 50)),
}


@pytest.mark.parametrize("suffix", [".png", ".pdf"])
@pytest.mark.parametrize("name", sorted(FIGURES))
def test_equal_figures_give_the_same_bytes(name, suffix, tmp_path):
    written = []
    for run, figure in enumerate([FIGURES[name]()] * 2 + [FIGURES[name]()]):
        plots.save(figure, tmp_path / "new" / f"{run}{suffix}")
        written.append((tmp_path / "new" / f"{run}{suffix}").read_bytes())
    assert written[0] == written[1] == written[2]
    assert b"Date" not in written[0]
    with pytest.raises(ValueError, match=r"`path` must end in .*png.*Received: .*a\.tiff"):
        plots.save(figure, tmp_path / "a.tiff")


def degenerate_mixture():
    spike = np.full((40, 40), -500.0)
    spike[20, 20] = 0
    weights, scales = np.array([1.0, 0.0]), np.array([[1e-3, 1e-3], [1.0, 1.0]])
    return {"A": [panel(2, weights=weights, scales=scales, log_joint=spike)]}


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.posterior_2d({"A": [panel(log_joint=np.where(np.eye(40), np.nan, 0.0))]}),
        lambda: plots.posterior_2d({"A": [panel(log_joint=np.where(np.eye(40), 0.0, -np.inf))]}),
        lambda: plots.posterior_2d(degenerate_mixture()),
        lambda: plots.learning_curves({"VAE": {"elbo": [None, np.nan]}}),
    ],
)
@pytest.mark.filterwarnings("error")
def test_degenerate_values_are_drawn_without_a_warning(draw, tmp_path):
    plots.save(draw(), tmp_path / "a.png")


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_the_users_style_is_left_alone(name):
    before = dict(matplotlib.rcParams.copy())
    FIGURES[name]()
    assert dict(matplotlib.rcParams.copy()) == before


def test_learning_curves_label_axes_models_and_splits():
    figure = plots.learning_curves(histories())
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "ELBO (nats)")
    assert labels(figure) == ["training", "validation", "VAE", "RME"]
    solid, dashed = [line for line in axes.get_lines() if len(line.get_xdata())][:2]
    assert solid.get_color() == dashed.get_color()
    assert (solid.is_dashed(), dashed.is_dashed()) == (False, True)
    np.testing.assert_array_equal(solid.get_xdata(), np.arange(1, 31))
    assert labels(plots.learning_curves({"RME": histories()["RME"]})) == ["training", "RME"]


def test_robust_range_leaves_out_the_first_epochs_and_stray_values():
    stray = histories()
    stray["VAE"]["elbo"][20] = -1e6
    low, high = plots.learning_curves(stray).axes[0].get_ylim()
    assert -120 < low < -107  # the validation's sixth epoch is at -109.8
    assert -94 < high < -92  # the last epoch is at -94
    assert plots.learning_curves(stray, robust=False).axes[0].get_ylim()[0] < -1e6


@pytest.mark.parametrize("missing", [None, float("nan"), float("-inf")])
def test_learning_curves_pass_over_missing_values(missing):
    history = {"VAE": {"elbo": [missing, missing, -99.0, missing, -98.0]}}
    line = plots.learning_curves(history).axes[0].get_lines()[-2]  # the validation is last
    np.testing.assert_array_equal(line.get_xdata(), [3, 5])
    np.testing.assert_array_equal(line.get_ydata(), [-99, -98])


def test_learning_curves_refuse_wrong_histories():
    with pytest.raises(ValueError, match=r"at least one model. Received: {}"):
        plots.learning_curves({})
    with pytest.raises(ValueError, match=r"\['VAE'\]` must hold 'kl'. Received: \['elbo', 'loss'"):
        plots.learning_curves(histories(), "kl")
    with pytest.raises(ValueError, match=r"`val_elbo` must have 3 values.*Received: 1"):
        plots.learning_curves({"VAE": {"elbo": [1, 2, 3], "val_elbo": [1]}})


@pytest.mark.parametrize("height", [8, 28, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_image_grid_places_images_row_by_row(height, channels):
    batch = images(5, height, channels)
    figure = plots.image_grid(batch, 3, "Samples")
    (axes,) = figure.axes
    tiles = np.asarray(axes.get_images()[0].get_array())
    side = tiles.shape[1] // 3
    assert tiles.shape == (2 * side, 3 * side, 3)
    assert 60 <= side <= 100  # pixels, to be seen at 100%
    assert axes.get_title() == "Samples"
    for index, image in enumerate(batch):
        row, column = divmod(index, 3)
        tile = tiles[row * side : (row + 1) * side, column * side : (column + 1) * side]
        margin = image_plots._GAP // 2
        scale = (side - image_plots._GAP) // height
        inner = tile[margin:-margin:scale, margin:-margin:scale]
        np.testing.assert_array_equal(inner, np.broadcast_to(image, (height, height, 3)))
    assert np.all(tiles[side:, 2 * side :] == 1)  # no sixth image


def test_images_are_clipped_and_nan_is_black():
    batch = images(2)
    batch[0, 0, 0], batch[0, 0, 1], batch[0, 0, 2] = np.nan, -0.1, 1.2
    tiles = plots.image_grid(batch, 2).axes[0].get_images()[0].get_array()
    assert np.isfinite(tiles).all()
    assert (tiles.min(), tiles.max()) == (0, 1)


def test_reconstructions_have_a_labelled_row_for_each_model():
    originals, vae, rme = (images(seed=seed) for seed in range(3))
    (axes,) = plots.reconstructions(originals, {"VAE": vae, "RME": rme}).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["original", "VAE", "RME"]
    tiles = np.asarray(axes.get_images()[0].get_array())
    height = len(tiles) / 3
    np.testing.assert_allclose(axes.get_yticks(), height * np.array([0.5, 1.5, 2.5]) - 0.5)
    scale = (height - image_plots._GAP) / 28
    for row, batch in enumerate((originals, vae, rme)):
        corner = round(row * height + image_plots._GAP // 2 + scale / 2)
        assert tiles[corner, image_plots._GAP // 2, 0] == batch[0, 0, 0, 0]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.image_grid(np.zeros((5, 28, 28)), 3), r"\[N, H, W, C\].*: \(5, 28, 28\)"),
        (lambda: plots.image_grid(np.zeros((5, 8, 8, 2)), 3), r"C = 1 or 3.*: \(5, 8, 8, 2\)"),
        (lambda: plots.image_grid(np.zeros((0, 8, 8, 1)), 3), r"not empty.*: \(0, 8, 8, 1\)"),
        (lambda: plots.image_grid(np.full((2, 8, 8, 1), 255), 2), "floats in .*Received: int"),
        (lambda: plots.image_grid(images(), 0), r"`columns` must be an integer of at least 1. Received: 0"),
        (lambda: plots.reconstructions(images(6), {"A": images(5)}), r"`A` .*\(6, .*: \(5, "),
    ],
)
def test_wrong_images_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_posterior_2d_has_a_column_for_each_image_and_a_row_for_each_model():
    panels = {"VAE": [panel(1, "one"), panel(1)], "RME": [panel(4), panel(4, "two")]}
    figure = plots.posterior_2d(panels, axis_labels=("first", "second"))
    assert len(figure.axes) == 2 * (1 + 2)
    top, bottom = figure.axes[2:4], figure.axes[4:]
    assert [len(axes.get_images()) for axes in figure.axes] == [1, 1, 0, 0, 0, 0]
    assert [axes.get_title() for axes in (*top, *bottom)] == ["one", "", "", "two"]
    assert [axes.get_xlabel() for axes in (*top, *bottom)] == ["", "", "first", "first"]
    assert [axes.get_ylabel() for axes in (*top, *bottom)] == ["second", "", "second", ""]
    assert [axes.texts[0].get_text() for axes in (top[0], bottom[0])] == ["VAE", "RME"]
    assert labels(figure) == ["true posterior", "mixture Q", *(f"component {m}" for m in range(4))]


@pytest.mark.parametrize("num_components", [1, 3, 8])
def test_each_component_has_its_ellipses(num_components):
    example = panel(num_components)._replace(weights=dirichlet(num_components, 1)[0])
    axes = plots.posterior_2d({"RME": [example]}).axes[1]
    ellipses = [patch for patch in axes.patches if isinstance(patch, Ellipse)]
    assert len(ellipses) == 2 * num_components
    for m, (one, two) in enumerate(zip(ellipses[::2], ellipses[1::2], strict=True)):
        np.testing.assert_allclose(one.center, example.means[m])
        np.testing.assert_allclose([one.width, one.height], 2 * example.scales[m])
        np.testing.assert_allclose([two.width, two.height], 4 * example.scales[m])
    assert len({ellipse.get_edgecolor() for ellipse in ellipses}) == num_components
    widths = [ellipse.get_linewidth() for ellipse in ellipses[::2]]
    np.testing.assert_array_equal(np.argsort(widths), np.argsort(example.weights))
    if num_components == 1:  # both densities are normal: 99% lie within 3.035 sigma
        bands, mixture = axes.collections
        np.testing.assert_allclose(bands.levels[:-1], mixture.levels, atol=0.2)  # a coarse grid
        outline = mixture.get_paths()[0].vertices
        np.testing.assert_allclose(np.ptp(outline, axis=0), 2 * 3.035 * 0.5, rtol=0.01)


def test_panels_show_the_true_posterior_and_every_component():
    means, scales = np.array([[0.0, 0.0], [0.0, 8.0]]), np.array([[1.0, 1.0], [0.1, 2.0]])
    axes = plots.posterior_2d({"RME": [panel(2, means=means, scales=scales)]}).axes[1]
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    # 99.9% of the true normal lie within 3.7 of (0, 1); Q's 99% within 3.03 sigma of the means.
    np.testing.assert_array_less((left, -right, bottom, -top), (-3.7, -3.7, -3.03, -14.06))
    assert right - left == pytest.approx(top - bottom)


def test_levels_enclose_the_mass_of_a_normal():
    x, y = np.linspace(-12, 12, 301), np.linspace(-6, 6, 241)
    log_density = -0.5 * ((x / 2) ** 2 + y[:, None] ** 2) + 7
    relative, levels, box = posteriors._mass_levels(x, y, log_density)
    assert relative.max() == 0
    # The share inside level l below the peak is 1 - exp(l). A cell of 0.08 x 0.05 holds 0.0003.
    np.testing.assert_allclose(1 - np.exp(levels), posteriors.MASSES[::-1], atol=2e-3)
    np.testing.assert_allclose(box, [[-7.43, -3.72], [7.43, 3.72]], atol=0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log_joint": np.zeros((3, 40))}, r"'log_joint': \(40, 40\).*'log_joint': \(3, 40\)"),
        ({"means": np.zeros((3, 2))}, r"'means': \(4, 2\).*Received.*'means': \(3, 2\)"),
        ({"scales": np.ones((4, 3))}, r"'scales': \(4, 2\).*Received.*'scales': \(4, 3\)"),
        ({"scales": np.zeros((4, 2))}, "`means, scales` must be finite, positive"),
        ({"means": np.full((4, 2), np.nan)}, "`means, scales` must be finite, positive"),
        ({"grid_x": np.zeros(40)}, "`grid_x, grid_y` must increase"),
        ({"log_joint": np.full((40, 40), np.nan)}, "`log_joint` must have finite values"),
        ({"image": np.zeros((28, 28))}, r"`image` must have shape .*Received: \(1, 28, 28\)"),
    ],
)
def test_wrong_panels_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        plots.posterior_2d({"RME": [panel(**changes)]})


@pytest.mark.parametrize("panels", [{}, {"VAE": []}, {"VAE": [panel()], "RME": [panel(), panel()]}])
def test_models_need_as_many_panels(panels):
    with pytest.raises(ValueError, match=r"as many panels for each model, at least one. Received: {"):
        plots.posterior_2d(panels)


def test_grid_around_covers_every_component():
    means, scales = np.array([[0.0, 0.0], [3.0, 1.0]]), np.array([[1.0, 0.1], [0.2, 0.5]])
    grid_x, grid_y = plots.grid_around(means, scales, num=50)
    assert grid_x.shape == grid_y.shape == (50,)
    # Four scales reach from -4 to 4 and from -1 to 3: a square of side 16 around (0, 1).
    np.testing.assert_allclose((grid_x[0], grid_x[-1], grid_y[0], grid_y[-1]), (-8, 8, -7, 9))
    with pytest.raises(ValueError, match=r"shape \[M, 2\]. Received: \(4, 3\), \(4, 3\)"):
        plots.grid_around(np.zeros((4, 3)), np.ones((4, 3)))


@pytest.mark.parametrize("num_components", [1, 4, 8])
def test_component_usage_has_a_bar_of_the_mean_for_each_component(num_components):
    alphas = dirichlet(num_components, 1000)
    figure = plots.component_usage(np.concatenate([alphas, np.full((1, num_components), np.nan)]))
    (axes,) = figure.axes
    heights = [bar.get_height() for bar in axes.patches]
    np.testing.assert_allclose(heights, alphas.mean(axis=0))
    assert axes.get_xlabel() == "component"
    assert axes.get_ylabel().startswith("mixing weight")
    assert [len(points.get_offsets()) for points in axes.collections] == [334] * num_components
    assert labels(figure) == ["mean of 1,000 images", "one image", "uniform, 1/M"]


@pytest.mark.parametrize(
    ("alphas", "message"),
    [
        ([0.5, 0.5], r"`alphas` must be \[N, M\], not empty. Received: \(2,\)"),
        ([[-0.7, -0.7]], "finite and in .*, not logs. Received: "),
        ([[np.nan, 0.5]], "finite"),
    ],
)
def test_wrong_weights_are_refused(alphas, message):
    with pytest.raises(ValueError, match=message):
        plots.component_usage(alphas)
