"""Sentences of the studies of weights, boosting and inference networks: the records' own."""

import numpy as np

from test_result_words import mean_and_error, of_each_method, ranked, words_of

STARTS = ("", "_cold")


def elbo(record):
    return record["metrics"]["test"]["elbo"]


def weights_of(record):
    test = record["metrics"]["test"]
    return [test[f"alpha_{m}"] for m in range(record["config"]["components"])]


def test_the_words_on_mixing_weights():
    words = words_of("docs/studies/weights.md")
    entropies = of_each_method("weights_mnist", lambda record: record["metrics"]["test"]["mixing_entropy"])
    least = of_each_method("weights_mnist", lambda record: min(weights_of(record)))
    greatest = of_each_method("weights_mnist", lambda record: max(weights_of(record)))
    assert "under all seeds H(alpha) is below 0.01, and one component has all the weight" in words
    assert "under all seeds H(alpha) is above 1.1, and the least used component has more than a tenth" in words
    assert "H(alpha) is above 0.7 under all seeds" in words
    for start in STARTS:
        assert (entropies[f"me_learned{start}"] < 0.01).all()
        assert (greatest[f"me_learned{start}"] > 0.99).all()
        assert (entropies[f"rme_learned{start}"] > 1.1).all()
        assert (least[f"rme_learned{start}"] > 0.1).all()
        assert (entropies[f"me_bounded{start}"] > 0.7).all()


def test_the_words_on_what_a_collapse_costs():
    words = words_of("docs/studies/weights.md")
    elbos = of_each_method("weights_mnist", elbo)
    gaps = {mixing: elbos[f"me_{mixing}"] - elbos["me_uniform"] for mixing in ("learned", "bounded")}
    assert (gaps["learned"] < 0.0).all()
    assert (gaps["bounded"] < 0.0).all()
    mean, error = mean_and_error(gaps["learned"])
    assert f"is {-mean:.1f} ± {error:.1f} nats behind the one with uniform weights, behind it under every seed" in words
    assert f"still {-gaps['bounded'].mean():.1f} nats behind uniform weights in the ELBO, under every seed" in words
    mean, error = mean_and_error(elbos["me_learned"] - elbos["vae"])
    assert f"not ahead of the VAE: {mean:.1f} ± {error:.1f}." in words
    for name in ("rme", "me"):
        warm = {mixing: elbos[f"{name}_{mixing}"] for mixing in ("uniform", "bounded", "learned")}
        assert ranked(warm)[0] == "uniform"
    of_recursion = elbos["rme_learned"] - elbos["rme_uniform"]
    mean, error = mean_and_error(of_recursion)
    assert f"are {-mean:.1f} ± {error:.1f} nats behind, but not under every seed" in words
    assert np.unique(np.sign(of_recursion)).size == 2


def test_the_words_on_the_warm_start_of_weights():
    assert "Without it uniform and bounded mixtures are ahead under some seeds and behind under others." in words_of(
        "docs/studies/weights.md"
    )
    elbos = of_each_method("weights_mnist", elbo)
    for method in ("rme_uniform", "rme_bounded", "me_uniform", "me_bounded"):
        assert set(np.sign(elbos[f"{method}_cold"] - elbos[method])) == {-1.0, 1.0}


UNBOUNDED = ("rme_none", "bvi_0.1", "bvi_1.0", "bvi_10.0")


def below_rme(read):
    """What `rme_3` has more than each method of the study of boosting, {method: array over seeds}."""
    values = of_each_method("boosting", read)
    return {method: values["rme_3"] - other for method, other in values.items()}


def test_the_words_on_boosting_without_a_bound():
    words = words_of("docs/studies/boosting.md")
    losses = below_rme(elbo)
    gaps = np.sort(np.concatenate([losses[method] for method in UNBOUNDED]))
    assert len(gaps) == 12
    assert gaps[2] > 60.0
    assert f"more than 60 nats in ten of the twelve runs, and {gaps[0]:.0f} and {gaps[1]:.0f} in the others" in words
    assert "a million or more in four" in words
    assert (gaps > 1e6).sum() == 4
    assert "For every lambda and seed log p(x) is below `rme_3`, and lowest for lambda = 10." in words
    bounds = of_each_method("boosting", lambda record: record["metrics"]["test"]["log_likelihood"])
    assert all((bounds[method] < bounds["rme_3"]).all() for method in UNBOUNDED)
    assert ranked(bounds)[-1] == "bvi_10.0"
    assert "the KL from the prior is below 2,000 nats under every seed" in words
    kl = of_each_method("boosting", lambda record: record["metrics"]["test"]["kl"])
    assert (kl["bvi_10.0"] < 2_000.0).all()
    assert kl["bvi_10.0"].mean() < min(kl["bvi_1.0"].mean(), kl["bvi_0.1"].mean())


def test_the_words_on_the_controls_of_boosting():
    words = words_of("docs/studies/boosting.md")
    losses = below_rme(elbo)["bvi_1.0_student"]
    assert f"loses at most {losses.max():.1f} nats of the ELBO against `rme_3`" in words
    assert "H(alpha) is 0.00 under all seeds" in words
    entropies = of_each_method("boosting", lambda record: record["metrics"]["test"]["mixing_entropy"])
    assert (entropies["bvi_1.0_learned"] < 0.005).all()


def test_the_words_on_a_larger_bound():
    words = words_of("docs/studies/boosting.md")
    of_elbo = below_rme(elbo)["rme_10"]
    of_bound = below_rme(lambda record: record["metrics"]["test"]["log_likelihood"])["rme_10"]
    assert (of_elbo > 0.0).all()
    assert (of_bound < 0.0).all()
    text = f"log p(x) is {-of_bound.mean():.1f} nats higher than with C = 3, and the ELBO {of_elbo.mean():.1f} lower"
    assert text in words


def gap_of(elbos, method, reference):
    """The difference of two methods under each seed, and its text."""
    gaps = elbos[method] - elbos[reference]
    mean, error = mean_and_error(gaps)
    return gaps, f"{abs(mean):.1f} ± {error:.1f}"


def test_the_words_on_smaller_encoders():
    words = words_of("docs/studies/capacity.md")
    elbos = of_each_method("capacity_mnist", elbo)
    behind, text = gap_of(elbos, "smaller", "separate")
    of_cold, of_cold_text = gap_of(elbos, "smaller_cold", "separate_cold")
    assert f"they are {text} nats behind, without it {of_cold_text}" in words
    assert (behind < 0.0).all()
    assert of_cold.mean() < 0.0
    gain, gain_text = gap_of(elbos, "smaller_cold", "smaller")
    assert f"The warm start costs them {gain_text} nats, under every seed" in words
    assert (gain > 0.0).all()
    _, own_text = gap_of(elbos, "separate_cold", "separate")
    assert f"separate ones {own_text}" in words


def test_the_words_on_conditioned_and_recurrent_encoders():
    words = words_of("docs/studies/capacity.md")
    elbos = of_each_method("capacity_mnist", elbo)
    gaps, text = gap_of(elbos, "conditioned", "separate")
    of_cold, of_cold_text = gap_of(elbos, "conditioned_cold", "separate_cold")
    assert f"{text} nats behind with a warm start, though not under every seed, and {of_cold_text} without" in words
    assert gaps.mean() < 0.0 < gaps.max()
    assert (of_cold < 0.0).all()
    for start in STARTS:
        ahead, text = gap_of(elbos, f"recurrent{start}", f"separate{start}")
        assert (ahead > 0.0).all()
        assert f"{text} nats" in words
    information = of_each_method("capacity_mnist", lambda record: record["metrics"]["test"]["component_information"])
    assert "I(m; z given x) is below 0.4 nats under all seeds, where separate ones have more than 0.9" in words
    assert (information["recurrent"] < 0.4).all()
    assert (information["separate"] > 0.9).all()
