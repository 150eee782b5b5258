"""A summary that says posterior, likelihood, prior and algorithm, and a diagram of them for every table's entries."""

import keras
import numpy as np
import pytest

import rme_tf
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.models.description import call_of, described, weights_by_part
from rme_tf.posteriors import POSTERIORS
from rme_tf.priors import PRIORS
from test_lstm import build_text_model


def lines_of(model):
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    return "\n".join(lines)


def boxes_of(model):
    return [layer.name for layer in model.diagram().layers]


def test_the_summary_adds_to_the_table_of_keras(tiny_model):
    model = tiny_model(3)
    text = lines_of(model)
    table, words = text[: text.index("Posterior")], text[text.index("Posterior") :]
    assert "Total params" in table
    assert "3 components of DiagNormal of z [2], weights UniformMixing" in words
    assert "Bernoulli of x [5]" in words
    assert "StandardNormal" in words
    assert "none before `compile`" in words
    annealing = rme_tf.LinearAnnealing(steps=70)
    model.compile("adam", rme_tf.RecursiveMixture(kl_bound=3.5, kl_weight=annealing))
    assert "RecursiveMixture(kl_weight=LinearAnnealing(steps=70), kl_bound=3.5)" in lines_of(model)


def test_a_summary_is_printed_without_a_function(tiny_model, capsys):
    tiny_model(1).summary()
    printed = capsys.readouterr().out
    assert "1 component of DiagNormal of z [2]\n" in printed


def test_the_weights_of_the_parts_are_all_weights(tiny_model):
    for choices in (
        {},
        {"trunk": "shared"},
        {"mixing": "learned"},
        {"prior": "vamp", "prior_options": {"num_components": 4}},
    ):
        model = tiny_model(3, **choices)
        counts = weights_by_part(model)
        variables = [
            *model.trainable_variables,
            *(w for p in (model.prior, model.likelihood) for w in p.non_trainable_weights),
        ]
        assert sum(counts.values()) >= sum(int(np.prod(v.shape)) for v in model.trainable_variables)
        assert sum(counts.values()) <= sum(int(np.prod(v.shape)) for v in variables) + 10
        assert ("mixing" in counts) == ("mixing" in choices)
        assert ("trunk" in counts) == ("trunk" in choices)


@pytest.mark.parametrize("name", sorted(POSTERIORS))
def test_every_posterior_is_named(name, tiny_model):
    model = tiny_model(2, posterior=name)
    assert f"2 components of {POSTERIORS[name].__name__}" in described(model)["Posterior Q(z|x)"]
    assert any(POSTERIORS[name].__name__ in box for box in boxes_of(model))


@pytest.mark.parametrize("name", sorted(PRIORS))
def test_every_prior_is_named(name, tiny_model):
    model = tiny_model(2, prior=name)
    assert described(model)["Prior p(z)"].startswith(PRIORS[name].__name__)
    assert any(box.startswith(f"p(z): {PRIORS[name].__name__}") for box in boxes_of(model))


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_every_likelihood_has_its_arguments(name):
    options = {"vocabulary_size": 6} if name == "categorical_sequence" else {}
    likelihood = LIKELIHOODS[name]((None,) if options else (3, 3, 1), **options)
    assert call_of(likelihood).startswith(LIKELIHOODS[name].__name__)
    assert ("vocabulary_size=6" in call_of(likelihood)) == bool(options)


def test_a_diagram_has_a_box_for_each_part_and_the_shapes_between(tiny_model):
    model = tiny_model(2, mixing="learned")
    diagram = model.diagram()
    shapes = {layer.name.split(":")[0]: layer.output.shape for layer in diagram.layers}
    assert shapes == {
        "x": (None, 5),
        "encoder 0": (None, 4),
        "encoder 1": (None, 4),
        "mixing network": (None, 1),
        "Q(z|x)": (None, 2),
        "decoder": (None, *model.likelihood.params_shape),
        "p(x|z)": (None, 5),
        "p(z)": (None,),
    }
    with pytest.raises(NotImplementedError, match="A diagram computes nothing"):
        diagram(np.zeros((1, 5), "float32"))


def test_a_diagram_of_sentences_leads_x_to_the_decoder():
    model = build_text_model()
    assert [layer.split(":")[0] for layer in boxes_of(model)][:2] == ["x", "encoder 0"]
    assert len(model.diagram().get_layer(next(box for box in boxes_of(model) if box.startswith("decoder"))).input) == 2


def test_keras_draws_the_diagram(tiny_model):
    pytest.importorskip("pydot")
    dot = keras.utils.model_to_dot(tiny_model(2).diagram(), show_shapes=True, show_layer_names=True)
    assert len(dot.get_node_list()) >= 6
    assert "DiagNormal" in dot.to_string()
