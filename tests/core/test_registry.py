import inspect

import pytest

from rme_tf import algorithms, likelihoods, networks, objectives, posteriors, priors
from rme_tf.core.registry import check_options, instantiate, lookup
from rme_tf.data import DATASETS
from rme_tf.likelihoods import LIKELIHOODS, Bernoulli, Likelihood, Normal

TABLES = {
    "algorithm": algorithms.ALGORITHMS,
    "bound on the KL": objectives.KL_BOUNDS,
    "data set": DATASETS,
    "decoder": networks.DECODERS,
    "encoder": networks.ENCODERS,
    "likelihood": likelihoods.LIKELIHOODS,
    "mixing": posteriors.MIXINGS,
    "posterior": posteriors.POSTERIORS,
    "prior": priors.PRIORS,
}


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_every_name_is_found_and_every_other_refused_with_the_choices(kind):
    table = TABLES[kind]
    for name in table:
        assert lookup(table, name, kind) is table[name]
    with pytest.raises(ValueError, match=kind) as error:
        lookup(table, "no such", kind)
    message = str(error.value)
    assert "'no such'" in message
    assert all(repr(name) in message for name in table)


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_tables_are_sorted_by_name(kind):
    assert list(TABLES[kind]) == sorted(TABLES[kind])


@pytest.mark.parametrize("name", [None, 3, ("bernoulli",), ["bernoulli"]])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ValueError, match="Unknown likelihood"):
        lookup(LIKELIHOODS, name, "likelihood")


def test_a_name_becomes_an_instance_with_the_options():
    likelihood = instantiate(LIKELIHOODS, "bernoulli", "likelihood", event_shape=(3,))
    assert isinstance(likelihood, Bernoulli)
    assert likelihood.event_shape == (3,)


def test_an_instance_stays_itself():
    class Own(Bernoulli):
        pass

    for likelihood in (Bernoulli((3,)), Own((3,))):
        assert instantiate(LIKELIHOODS, likelihood, "likelihood", base=Likelihood, event_shape=(5,)) is likelihood


def test_the_base_is_what_is_said_and_not_what_an_entry_of_the_table_derives_from():
    class Deeper(Bernoulli):
        pass

    for table in ({"deeper": Deeper}, {"bernoulli": Bernoulli, "deeper": Deeper}, {}):
        likelihood = Normal((3,))
        assert instantiate(table, likelihood, "likelihood", base=Likelihood) is likelihood
        with pytest.raises(ValueError, match="Unknown likelihood"):
            instantiate(table, likelihood, "likelihood")


BASES = {
    "algorithm": algorithms.Algorithm,
    "likelihood": Likelihood,
    "mixing": posteriors.Mixing,
    "posterior": posteriors.PosteriorFamily,
    "prior": priors.Prior,
}
OPTIONS = {
    "algorithm": {},
    "likelihood": {"event_shape": (3,)},
    "mixing": {},
    "posterior": {"latent_dim": 2},
    "prior": {"latent_dim": 2},
}
OWN_OPTIONS = {"categorical_sequence": {"vocabulary_size": 5}}


@pytest.mark.parametrize("kind", sorted(OPTIONS))
def test_instances_of_all_entries_and_of_own_classes_pass(kind):
    table = TABLES[kind]
    for name in table:
        options = {**OPTIONS[kind], **OWN_OPTIONS.get(name, {})}
        instance = instantiate(table, name, kind, **options)
        assert type(instance) is table[name]
        assert instantiate(table, instance, kind, base=BASES[kind], **options) is instance
    own = type("Own", (BASES[kind],), {})(**OPTIONS[kind])
    assert instantiate(table, own, kind, base=BASES[kind], **OPTIONS[kind]) is own


@pytest.mark.parametrize("name", ["bernouli", None])
def test_no_instance_of_an_unknown_name(name):
    with pytest.raises(ValueError, match="Expected one of: 'bernoulli'"):
        instantiate(LIKELIHOODS, name, "likelihood", event_shape=(3,))


@pytest.mark.parametrize("choice", [Bernoulli, 3, {"bernoulli": 1}, ["bernoulli"]])
def test_what_is_neither_name_nor_instance_does_not_pass(choice):
    """`compile(algorithm=RecursiveMixture)`, parentheses forgotten, must not fail deep inside `fit`."""
    with pytest.raises(ValueError, match="Unknown likelihood.*'student_t', or an instance of Likelihood. Received: "):
        instantiate(LIKELIHOODS, choice, "likelihood", base=Likelihood, event_shape=(3,))


BUILDERS = {
    **{("encoder", name): each for name, each in networks.ENCODERS.items()},
    **{("decoder", name): each for name, each in networks.DECODERS.items()},
}


def option_of(which):
    """An option of a builder: its third argument, or, where `**options` are those of a class, one of these."""
    third = list(inspect.signature(BUILDERS[which]).parameters)[2]
    return {("encoder", "lstm"): "dropout", ("decoder", "lstm"): "word_dropout"}.get(
        which, "filters" if third == "options" else third
    )


@pytest.mark.parametrize("which", sorted(set(BUILDERS) - {("encoder", "constant")}), ids=" ".join)
def test_every_builder_says_which_options_it_takes(which):
    option = option_of(which)
    check_options(BUILDERS[which], [option, "name", "dtype"], "network")
    with pytest.raises(
        ValueError, match=rf"Unknown options of the network. .*'{option}'.* Received: .'filtres', 'unit'"
    ):
        check_options(BUILDERS[which], [option, "unit", "filtres"], "network")


def test_a_builder_that_takes_anything_is_given_it():
    check_options(lambda shape, size, **options: None, ["anything"], "network")
