"""Pages of inference on frozen decoders: contrasts of the recipes, and sentences that hold in the records."""

import numpy as np
import pytest

from rme_tf.experiments.reports import documents
from rme_tf.experiments.reports.contrasts import read_contrasts
from rme_tf.experiments.reports.inference_tables import approximation_of, gaps_of, of_decoder, share_covered
from rme_tf.experiments.reports.records import load_study
from test_documents import ROOT
from test_recorded_builds import module_of

PAGES = {
    "fixed_decoder": {"bernoulli_2": ("CONTRASTS", "OF_REMEDIES")},
    "two_modes": {"absolute": ("CONTRASTS", "OF_CAUSES")},
}


def words_of(page):
    return " ".join((ROOT / "docs" / "studies" / f"{page}.md").read_text(encoding="utf-8").split())


def groups_of(study, decoder):
    return of_decoder(load_study(ROOT / "recipes" / "results" / "inference" / f"{study}.jsonl"), decoder)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_has_the_contrasts_of_its_recipe(page):
    recipe = module_of(f"{page}.py")
    found = {}
    for match in documents.BLOCK.finditer((ROOT / "docs" / "studies" / f"{page}.md").read_text(encoding="utf-8")):
        kind, decoder, *words = match["reference"].split()
        if kind == "differences":
            found.setdefault(decoder, []).extend(read_contrasts(words))
    expected = {
        decoder: [contrast for name in names for contrast in getattr(recipe, name)]
        for decoder, names in PAGES[page].items()
    }
    assert found == expected


def test_the_records_are_of_three_seeds_and_one_clean_commit_each():
    for page in ("fixed_decoder", "posterior_2d", "two_modes"):
        records = load_study(ROOT / "recipes" / "results" / "inference" / f"{page}.jsonl")
        seeds = {}
        for record in records:
            assert len(record["commit"]) == 40  # not dirty, and not unknown
            seeds.setdefault((record["config"]["decoder"], record["method"]), []).append(record["config"]["seed"])
        of_methods = [found for (_, name), found in seeds.items() if not name.startswith(("truth", "optimum", "path"))]
        assert of_methods
        assert all(sorted(found) == [0, 1, 2] for found in of_methods), page


def difference(groups, first, second):
    """The difference of test gaps: its mean, and the larger one of its standard errors over seeds and observations."""
    gaps = gaps_of(groups, first) - gaps_of(groups, second)
    errors = [mean.std(ddof=1) / np.sqrt(len(mean)) for mean in (gaps.mean(axis=1), gaps.mean(axis=0))]
    return gaps.mean(), max(errors)


def covered(groups, method):
    return share_covered([record["metrics"]["test"]["modes"] for record in groups[method]]).mean()


def gap(groups, method):
    return gaps_of(groups, method).mean()


def test_the_words_on_the_positive_control():
    words, groups = words_of("two_modes"), groups_of("two_modes", "absolute")
    shares = [covered(groups, method) for method in ("rme4_c2", "me4", "gaussian", "iaf")]
    assert (
        "it covers {:.0f}% of the modes, the mixture encoder {:.0f}%, one Gaussian and IAF {:.0f}%".format(*shares[:3])
        in words
    )
    assert round(shares[2]) == round(shares[3])
    gaps = [gap(groups, method) for method in ("rme4_c2", "me4", "optimum_4")]
    assert "encoder's, {:.2f} and {:.2f} nats, though the best four Gaussians leave {:.2f}".format(*gaps) in words
    for first, second in (("rme4_c2", "me4"), ("iaf", "gaussian")):
        mean, error = difference(groups, first, second)
        assert abs(mean) < 2.0 * error


def test_the_words_on_the_cause():
    words, groups = words_of("two_modes"), groups_of("two_modes", "absolute")
    cold, noise, of_me, far = (covered(groups, name) for name in ("rme4_cold", "rme4_noise", "me4_cold", "rme4_c20"))
    assert (
        f"RME covers {cold:.0f}% of the modes, with noise of 0.3 it covers {noise:.0f}%, and both halve the gap"
        in words
    )
    for method in ("rme4_cold", "rme4_noise"):
        mean, error = difference(groups, method, "rme4_c2")
        assert mean < -2.0 * error
        assert 0.4 < gap(groups, method) / gap(groups, "rme4_c2") < 0.6
    assert f"the mixture encoder covers {of_me:.0f}%, and its gap of {gap(groups, 'me4_cold'):.2f} nats" in words
    assert f"show no difference from RME's {gap(groups, 'rme4_cold'):.2f}." in words
    mean, error = difference(groups, "rme4_cold", "me4_cold")
    assert 0.0 < mean < 2.0 * error
    methods = [name for name in groups if not name.startswith(("truth", "optimum"))]
    ranked = sorted(methods, key=lambda name: gap(groups, name))
    assert (ranked[0], ranked[-1]) == ("me4_cold", "rme4_c20")
    polished = gap(groups, "rme4_c20_polish")
    assert f"they reach {far:.0f}% of the modes" in words
    assert f"the gap is {gap(groups, 'rme4_c20'):.1f} nats, the largest of all" in words
    assert f"brings it back to {polished:.1f} nats, no less than without" in words
    assert polished >= gap(groups, "rme4_c2")
    mean, _ = difference(groups, "rme4_learned", "rme4_c2")
    assert f"Learned weights help little:** {-mean:.2f} nats" in words
    assert 0.0 <= covered(groups, "rme4_learned") - covered(groups, "rme4_c2") < 1.0


def test_the_words_on_frozen_decoders():
    words, groups = words_of("fixed_decoder"), groups_of("fixed_decoder", "bernoulli_2")
    whole, family, four = gap(groups, "gaussian"), gap(groups, "optimum_1"), gap(groups, "optimum_4")
    assert f"Of one Gaussian's gap of {whole:.3f} nats its family costs {family:.3f}" in words
    assert f"four Gaussians could leave {four:.3f}" in words
    methods = [name for name in groups if not name.startswith(("truth", "optimum"))]
    for method in methods:
        best = approximation_of(groups, method).mean()
        assert gap(groups, method) - best > best, method
        assert gaps_of(groups, method, "train").mean() > gap(groups, method)
    behind, error = difference(groups, "rme4_c2", "me4")
    assert f"than the mixture encoder,** by {behind:.3f} nats" in words
    assert behind > 2.0 * error
    (ahead, error), (of_flow, flow_error) = (difference(groups, "rme4_c2", name) for name in ("gaussian", "iaf"))
    assert f"RME is {-ahead:.3f} nats ahead of one Gaussian, and {of_flow:.3f} behind IAF" in words
    assert abs(ahead) < 2.0 * error
    assert abs(of_flow) < 2.0 * flow_error
    modes = groups["gaussian"][0]["metrics"]["test"]["modes"]
    assert modes["with_several_modes"] < 0.1 * modes["observations"]  # "one mode, as most have here"


def test_the_words_on_what_closes_the_gap():
    words, groups = words_of("fixed_decoder"), groups_of("fixed_decoder", "bernoulli_2")
    changes = [("gaussian_long", "gaussian"), ("gaussian_refined", "gaussian"), ("rme4_c2_refined", "rme4_c2")]
    gains = []
    for changed, base in changes:
        mean, error = difference(groups, changed, base)
        assert mean < -2.0 * error
        gains.append(-mean)
    assert f"Four times as many take {gains[0]:.3f} nats off one Gaussian's gap" in words
    assert "takes {:.3f} nats off one Gaussian's gap and {:.3f} off RME's".format(*gains[1:]) in words
    methods = [name for name in groups if not name.startswith(("truth", "optimum"))]
    assert min(methods, key=lambda name: gap(groups, name)) == "gaussian_long"
    assert gains[0] > 0.5 * (gap(groups, "gaussian") - gap(groups, "optimum_1"))  # most of the amortization gap


def growth(name, read):
    """A number of each record of growth of a method, averaged over seeds."""
    return np.mean([read(record["metrics"]) for record in groups_of("posterior_2d", "absolute")[name]])


def test_the_words_on_local_optima():
    words = words_of("posterior_2d")
    for method in ("me4", "rme4_c2", "me4_cold"):
        joined, own, searched = (
            growth(method, lambda metrics, of=of: share_covered([of(metrics)])[0])
            for of in (lambda m: m["joined"][-1], lambda m: m["own_ascent"], lambda m: m["search"])
        )
        assert (
            f"`{method}` covers {joined:.0f}%, {own:.0f}% after its own ascent, {searched:.0f}% after the search"
            in words
        )
        assert abs(own - joined) < 3.0
        assert searched > 90.0
    steps = [growth("rme4_c2", lambda m, k=k: share_covered([m["joined"][k]])[0]) for k in range(4)]
    assert "Of RME's components the first covers {:.0f}% of the modes, two cover {:.0f}%".format(*steps[:2]) in words
    assert abs(steps[3] - steps[1]) < 2.0  # the later ones bring no further mode


def test_the_words_on_the_way_between_modes():
    words = words_of("posterior_2d")
    ((path, *_),) = [groups_of("posterior_2d", "absolute")["path"]]
    curves = {
        name: np.array(values) - values[0] for name, values in path["metrics"].items() if isinstance(values, list)
    }
    elbo, near, far = (curves[name] for name in ("ELBO(Q)", "RME, C = log 2 + 2", "RME, C = log 2 + 20"))
    assert f"the mixture encoder's objective has fallen by {-elbo.min():.1f} nats" in words
    assert f"at the other mode it is {elbo[-1]:.2f} above its start" in words
    assert abs(elbo[-1] - np.log(2.0)) < 0.02
    assert f"RME's with C = log 2 + 2 falls by {-near.min():.1f} nats" in words
    assert (np.diff(far) > -1e-3).all()
    assert (np.diff(curves["RME, no barrier"]) > -1e-3).all()
    assert curves["RME, C = log 2 + 5"].min() < 0.0
    assert f"it still pays {far[-1]:.1f} nats" in words
