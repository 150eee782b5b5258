"""Pages of inference on frozen decoders: contrasts of the recipes, and sentences that hold in the records."""

import numpy as np
import pytest

from rme_tf.experiments.reports import documents
from rme_tf.experiments.reports.contrasts import read_contrasts
from rme_tf.experiments.reports.inference_tables import gaps_of, of_decoder, share_covered
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
    for page in ("two_modes",):
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
