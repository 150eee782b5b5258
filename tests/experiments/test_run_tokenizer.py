"""The tokenizer of a run: no larger than its corpus allows, and in a run that goes on the one that it began with."""

import contextlib
import dataclasses

import numpy as np
import pytest

from rme_tf.data.text import TOKENIZERS, Tokenizer, VocabularySizeError, load_tokenizer, train_tokenizer
from rme_tf.data.text.tokenizer_training import earlier_model
from rme_tf.experiments.runs import runner
from small_recipes import text_recipe
from suited_lines import suited

SENTENCES = {"plain": "the cat sat on the mat {}", "compatible": "wait\u2026 the cat sat on \u00bd a mat {}"}
RECIPE = text_recipe(units=4, embedding_size=4, latent_dim=2, data_dir=None, batch_size=8)

every_kind = pytest.mark.parametrize("kind", sorted(TOKENIZERS))


@pytest.fixture
def recipe(tmp_path):
    """Builder of the recipe of a run on a small corpus."""

    def built(sentence="plain", **choices):
        kind = choices.get("tokenizer", RECIPE.tokenizer)
        for name, count in (("train", 40), ("validation", 5), ("test", 5)):
            lines = suited(kind, [SENTENCES[sentence].format(index % 7) for index in range(count)])
            (tmp_path / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
        return dataclasses.replace(RECIPE, corpus=str(tmp_path), out=str(tmp_path / "run"), **choices)

    return built


@every_kind
def test_a_vocabulary_too_large_for_the_corpus_is_lowered_with_a_warning(recipe, kind):
    chosen = recipe(tokenizer=kind, vocabulary_size=10_000)
    expected = pytest.warns(UserWarning, match=rf"a vocabulary of \d+ by the tokenizer '{kind}': .* in place of 10,000")
    with contextlib.nullcontext() if kind == "integers" else expected:  # of which there often are few
        task = chosen.load()
    size = task.facts["vocabulary_size"]
    assert task.model_options["likelihood_options"]["vocabulary_size"] == size
    assert chosen.identity["vocabulary_size"] == 10_000
    fitting = dataclasses.replace(chosen, vocabulary_size=size).load()  # without a warning
    assert fitting.export_options["tokenizer"].model == task.export_options["tokenizer"].model


@every_kind
def test_the_largest_that_the_error_names_is_the_largest(recipe, kind):
    lines = recipe(tokenizer=kind).read().train
    options = {"kind": kind, "lowercase": False, "coverage": 0.9995, "limit": None}
    with pytest.raises(VocabularySizeError, match="Expected: at most") as error:
        train_tokenizer(lines, vocabulary_size=10_000, **options)
    assert train_tokenizer(lines, vocabulary_size=error.value.largest, **options).vocabulary_size == error.value.largest
    with pytest.raises(VocabularySizeError, match=rf"at most {error.value.largest}\b"):
        train_tokenizer(lines, vocabulary_size=error.value.largest + 1, **options)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_vocabulary_too_small_is_refused(recipe, kind):
    with pytest.raises(ValueError, match="`vocabulary_size`. Expected: at least"):
        recipe(tokenizer=kind, vocabulary_size=6).load()


def begun_before_marks(chosen):
    """The directory of a run as earlier versions left it; returns the tokenizer's bytes."""
    out = runner.prepare(chosen)
    options = {"kind": chosen.tokenizer, "lowercase": chosen.lowercase, "coverage": chosen.coverage, "seed": 0}
    lines = chosen.read().train
    model = earlier_model(lines, vocabulary_size=chosen.vocabulary_size, limit=chosen.tokenizer_lines, **options)
    (out / "tokenizer.model").write_bytes(model)
    return model


@pytest.mark.parametrize("sentence", sorted(SENTENCES))
@pytest.mark.parametrize("kind", ["whitespace", "word"])
def test_a_run_that_began_before_goes_on_with_the_ids_that_it_had(recipe, kind, sentence):
    chosen = recipe(sentence, tokenizer=kind, vocabulary_size=14)
    model = begun_before_marks(chosen)
    task = chosen.load()
    task.keep(runner.prepare(chosen))
    assert task.export_options["tokenizer"].model == model
    expected = Tokenizer(model).encode(["the mat, wait\u2026"])
    np.testing.assert_array_equal(task.export_options["tokenizer"].encode(["the mat, wait\u2026"]), expected)
    anew = dataclasses.replace(chosen, overwrite=True)
    task = anew.load()
    task.keep(runner.prepare(anew))
    assert load_tokenizer(runner.prepare(chosen) / "tokenizer.model").kind == kind
    chosen.load().keep(runner.prepare(chosen))


def test_a_tokenizer_of_another_corpus_is_still_refused(recipe, tmp_path):
    chosen = recipe(tokenizer="word", vocabulary_size=14)
    begun_before_marks(chosen)
    (tmp_path / "train.txt").write_text("\n".join(f"other words {letter}" for letter in "abcdefghijklm"))
    with pytest.raises(ValueError, match="another tokenizer"):
        chosen.load().keep(runner.prepare(chosen))
