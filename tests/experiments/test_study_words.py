"""Answers on the pages of studies: their numbers and orders are the records' own."""

import numpy as np

from rme_tf.experiments.reports.columns import values_of
from rme_tf.experiments.reports.contrasts import recorded_contrasts
from rme_tf.experiments.reports.records import load_records
from rme_tf.experiments.reports.study_tables import contrast_rows
from rme_tf.experiments.reports.tables import by_method
from test_recorded_builds import module_of
from test_result_words import ROOT, mean_and_error, words_of

SPLITS = ("test", "train")
BOUNDS = [f"{split} {name}" for split in SPLITS for name in ("ELBO", "log p(x)")]
GAPS = [f"{split} {name}" for split in SPLITS for name in ("amortization gap", "approximation gap")]


def groups_of(study):
    """The records of each method, in the order of the seeds."""
    return by_method(load_records([ROOT / "recipes" / "results" / f"{study}.jsonl"]))


def gap_of(groups, contrast, quantity):
    """The difference between two methods under each seed."""
    return np.subtract(*(values_of(groups[method], quantity) for method in contrast))


def shown(gaps, decimals=2, sign=""):
    """The mean over seeds and its standard error, as the pages show them."""
    mean, error = mean_and_error(gaps)
    return f"{mean:{sign}.{decimals}f} ± {error:.{decimals}f}"


def test_the_words_on_one_component():
    words, groups = words_of("docs/studies/single_component.md"), groups_of("single_component")
    assert "differ by less than 0.000001 nats" in words
    for contrast in (("rme1", "vae"), ("rme1_encoder5", "vae_encoder5")):
        for quantity in (*BOUNDS, *GAPS):
            assert np.abs(gap_of(groups, contrast, quantity)).max() < 1e-6
        for first, second in zip(*(groups[method] for method in contrast), strict=True):
            curves = np.subtract(first["history"]["val_elbo"], second["history"]["val_elbo"])
            assert 0.0 < np.abs(curves).max() < 1e-4
    loop = gap_of(groups, ("rme1_sequential", "vae"), "test log p(x)")
    assert f"Log p(x) differs by {shown(loop, sign='+')} nats" in words
    assert abs(mean_and_error(loop)[0]) < 2 * mean_and_error(loop)[1]
    wider = gap_of(groups, ("rme1_sequential", "vae"), "test amortization gap")
    assert ((wider > 0) & (wider < 0.01)).all()


def test_the_words_on_encoder_steps():
    words, groups = words_of("docs/studies/single_component.md"), groups_of("single_component")
    gaps = {method: f"{values_of(group, 'test amortization gap').mean():.2f}" for method, group in groups.items()}
    assert "falls from {vae} to {vae_encoder5} nats, and in the long runs from".format(**gaps) in words
    assert "in the long runs from {vae_long} to {vae_encoder5_long}.".format(**gaps) in words
    pairs = (("vae", "vae_encoder5"), ("vae_long", "vae_encoder5_long"), ("vae_encoder5_long", "vae"))
    short, long, steps = (gap_of(groups, contrast, "test log p(x)") for contrast in pairs)
    assert f"log p(x) is lower: by {shown(short)} nats, in the long runs by {shown(long)}." in words
    assert f"log p(x) is {shown(steps)} higher, for five times the minibatches" in words
    assert (long > 0).all()
    train = values_of(groups["vae"], "train amortization gap").mean()
    assert f"of the {gaps['vae']} nats of `vae`, {train:.2f}." in words


def test_the_words_on_bounds_and_the_barrier():
    words, groups = words_of("docs/studies/barrier.md"), groups_of("barrier_bernoulli")
    elbo, log_lik = (
        {method: values_of(group, f"test {name}").mean() for method, group in groups.items()}
        for name in ("ELBO", "log p(x)")
    )
    above = [gap_of(groups, (f"{bound}3", "vae"), "test ELBO") for bound in ("clamp", "skew")]
    assert "by {} nats (clamp) and {} (skewed KL)".format(*map(shown, above)) in words
    assert (np.array(above) > 0).all()
    for bound in ("clamp", "skew"):
        assert max(elbo, key=elbo.get).endswith("3")
        assert elbo[f"{bound}0.1"] > elbo["vae"] > elbo[f"{bound}10"] > elbo[f"{bound}100"]
        assert max((f"{bound}{c}" for c in ("0.1", "3", "10", "100")), key=log_lik.get) == f"{bound}10"
        assert log_lik[f"{bound}100"] > log_lik["vae"]
    at_10, at_100 = (
        [gap_of(groups, (f"{bound}3", f"{bound}{c}"), "test ELBO") for bound in ("clamp", "skew")] for c in (10, 100)
    )
    assert "Against C = 3 the ELBO is {} and {} lower at C = 10".format(*map(shown, at_10)) in words
    assert "it is strange, {} and {} lower".format(*(shown(gaps, 1) for gaps in at_100)) in words
    records, recipe = [record for group in groups.values() for record in group], module_of("barrier.py")
    rows = contrast_rows(records, recorded_contrasts(records, recipe.CONTRASTS), recipe.QUANTITIES)
    found = [(row["contrast"], row["quantity"]) for row in rows if row["p"] and float(row["p"]) < 0.05]
    assert found == [("clamp3 less clamp100", "test ELBO"), ("skew3 less skew100", "test ELBO")]


def test_the_words_on_distances_and_the_barrier():
    words, groups = words_of("docs/studies/barrier.md"), groups_of("barrier_bernoulli")
    nearest, information = (
        {method: values_of(group, name).mean() for method, group in groups.items() if method != "vae"}
        for name in ("test KL of nearest", "I(m; z given x)")
    )
    assert {f"{nearest[f'{bound}10']:.1f}" for bound in ("clamp", "skew")} == {"8.5"}
    assert all(93.5 <= nearest[f"{bound}100"] < 95.0 for bound in ("clamp", "skew"))
    assert "the nearest ones are 8.5 nats apart at C = 10 and 94 at C = 100" in words
    assert f"is {information['clamp3']:.2f} (clamp) and {information['skew3']:.2f} (skewed KL)" in words
    assert {f"{information[f'{bound}10']:.2f}" for bound in ("clamp", "skew")} == {"1.36"}
    assert "and 1.36 at C = 10" in words
    for c in ("0.1", "3", "10", "100"):
        contrast = (f"clamp{c}", f"skew{c}")
        assert abs(gap_of(groups, contrast, "test log p(x)").mean()) < 0.15
        assert c == "100" or abs(gap_of(groups, contrast, "test ELBO").mean()) < 0.2


def test_the_words_on_the_barrier_and_a_gaussian_decoder():
    words, groups = words_of("docs/studies/barrier.md"), groups_of("barrier_normal")
    elbo, log_lik = (
        {other: gap_of(groups, ("skew3", other), f"test {name}") for other in ("vae", "skew10", "skew100")}
        for name in ("ELBO", "log p(x)")
    )
    assert all(gaps.mean() > 0 for bound in (elbo, log_lik) for gaps in bound.values())
    assert f"against the VAE by {shown(elbo['vae'])} nats in the ELBO and {shown(log_lik['vae'])} in log p(x)" in words
    assert f"the ELBO is {shown(elbo['skew10'])} lower at C = 10 and {shown(elbo['skew100'])} lower" in words
    assert f"{shown(log_lik['skew10'])} at C = 10 and {shown(log_lik['skew100'])} at C = 100, which is below" in words
    assert log_lik["skew100"].mean() > log_lik["vae"].mean()
    near, far = (values_of(groups[method], "test KL of nearest").mean() for method in ("skew10", "skew100"))
    assert f"nearest components are {near:.1f} nats apart at C = 10 and {far:.0f} at C = 100, beyond" in words


def test_the_words_on_the_scale_of_a_decoder():
    words, groups = words_of("docs/studies/decoder_scale.md"), groups_of("decoder_scale")
    scale, norm, excess = "decoder's scale", "test Jacobian norm", "train less test log p(x)"
    scales, norms, bounds = (gap_of(groups, ("rme5", "me5"), name) for name in (scale, norm, excess))
    assert f"by {shown(scales, 4)}, in the norm of the Jacobian by {shown(norms, 3)}," in words
    assert f"and in training bounds less test bounds by {shown(bounds)} nats" in words
    higher = {other: gap_of(groups, ("rme5", other), "test log p(x)") for other in ("vae", "vae_5_samples")}
    assert f"log p(x) is {shown(higher['vae'])} nats higher" in words
    assert f"higher still, by {shown(-higher['vae_5_samples'])} nats" in words
    assert (gap_of(groups, ("rme5", "vae"), scale) < 0).all()
    assert gap_of(groups, ("vae_5_samples", "rme5"), scale).mean() < 0
    ranges = {}
    for name in (excess, scale, "train optimal scale"):
        means = [values_of(group, name).mean() for group in groups.values()]
        ranges[name] = min(means), max(means)
    assert "by {:.2f} to {:.2f} nats for all four methods".format(*ranges[excess]) in words
    shown_scales = (*ranges[scale], *ranges["train optimal scale"])
    assert "{:.3f} to {:.3f} against {:.3f} to {:.3f}".format(*shown_scales) in words
    records, recipe = [record for group in groups.values() for record in group], module_of("decoder_scale.py")
    rows = contrast_rows(records, recipe.CONTRASTS, recipe.QUANTITIES)
    assert len(rows) == 21
    assert all(float(row["p"]) > 0.05 for row in rows)
