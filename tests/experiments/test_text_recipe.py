"""Recipes of sentences: what they refuse, what they load, and a run that is cut short and goes on."""

import dataclasses
import shutil

import keras
import numpy as np
import pytest

import rme_tf
from rme_tf.callbacks.collapse_monitor import CollapseMonitor
from rme_tf.core.types import EOS, UNK
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.recipes import monitors as monitoring
from rme_tf.experiments.runs import runner
from small_recipes import text_recipe

TINY = {
    "vocabulary_size": 300,
    "max_length": 16,
    "units": 12,
    "embedding_size": 8,
    "latent_dim": 3,
    "components": 2,
    "train_size": 96,
    "test_size": 40,
    "diagnosed": 20,
    "importance_samples": 8,
    "epochs": 3,
    "batch_size": 32,
    "data_dir": None,  # which keeps no tokens
}
ONE = {"components": 1, "algorithm": "elbo"}


def recipe(**choices):
    return text_recipe(**{**TINY, **choices})


def write_corpus(folder, sentence="the cat sat on the mat"):
    for name, count in (("train", 120), ("validation", 20), ("test", 20)):
        lines = [f"{sentence} {index % 7}" for index in range(count)]
        (folder / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"units": 0}, "`encoder.units` must be a sequence of one or more integers of at least 1. Received: .0,"),
        ({"tokenizer_lines": 0}, "`tokenizer_lines` must be an integer of at least 1"),
        ({"diagnosed": 1}, "`diagnosed` must be an integer of at least 2"),
        ({"max_length": 1}, "`max_length` must be an integer of at least 2"),
        ({"language_model": True}, "no posterior to mix.*Received: 2 and 'recursive_mixture'"),
        ({"train": "a.txt"}, "`train`, `validation` and `test`, or none"),
        ({"encoder": "conv"}, "Unknown encoder. Expected one of: 'lstm'"),
        ({"clip_norm": 0.0}, "`optimizer.global_clipnorm` must be a finite number above 0"),
        ({"patience": 0}, "`patience` must be an integer of at least 1"),
        ({"coverage": 0.9}, "`coverage` must be a number in .0.98, 1.. Received: 0.9"),
        ({"coverage": 1.5}, "`coverage` must be a number in .0.98, 1.. Received: 1.5"),
        ({"vocabulary_size": 4}, "`vocabulary_size` must be an integer of at least 5. Received: 4"),
        ({"later_width": 0.5}, "`later_width` is for images: LSTMs are all of one width. Received: 0.5"),
        ({"optimizer": "adagrad"}, "Unknown optimizer. Expected one of: 'adam', 'sgd'"),
    ],
    ids=str,
)
def test_an_impossible_recipe_is_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        recipe(**choices)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"corpus": "no-such-folder"}, "no-such-folder"),
        ({"tokenizer": "wrod"}, "'unigram', 'whitespace', 'word', or a SentencePiece model. Received: 'wrod'"),
        ({"vocabulary_size": 10, "tokenizer": "bpe"}, "`vocabulary_size`. Expected: at least"),
        ({"train_size": 8}, "Too few rows for a batch"),
    ],
    ids=str,
)
def test_data_that_are_not_to_be_had_leave_no_run_behind(tmp_path, choices, message):
    with pytest.raises(ValueError, match=message):
        recipe(**choices, out=str(tmp_path / "run")).load()
    assert not (tmp_path / "run").exists()


def test_a_corpus_counts_by_its_name_wherever_it_lies():
    here, there = recipe(corpus="here/mine"), recipe(corpus="there/mine")
    assert here.identity == there.identity
    assert here.identity["corpus"] == "mine"
    assert recipe(corpus="here/other").identity != here.identity


def test_a_run_on_files_goes_on_wherever_they_lie(tmp_path):
    files = {"train": "here/a.txt", "validation": "here/b.txt", "test": "here/c.txt"}
    runner.prepare(recipe(**files, out=str(tmp_path / "run")))
    runner.prepare(recipe(**files, out=str(tmp_path / "run")))
    moved = {split: path.replace("here", "there") for split, path in files.items()}
    runner.prepare(recipe(**moved, out=str(tmp_path / "run")))
    with pytest.raises(ValueError, match="train: 'a.txt' there, 'other.txt' now"):
        runner.prepare(recipe(**{**files, "train": "here/other.txt"}, out=str(tmp_path / "run")))


@pytest.mark.slow
def test_the_task_is_what_the_recipe_says(tmp_path):
    task = recipe().load()
    assert task.steps_per_epoch == 3
    first = next(iter(task.batches(1)))
    np.testing.assert_array_equal(first, next(iter(task.batches(1))))
    assert first.shape[0] == 32
    assert first.shape[1] <= 16
    assert task.example.shape[0] == 20
    assert {"train", "validation", "test", "vocabulary_size"} == set(task.facts)
    assert [task.facts[split]["num_rows"] for split in ("train", "validation", "test")] == [96, 40, 40]
    assert len(task.callbacks({})) == 1
    monitor, stop = recipe(aggressive=True, annealing="linear").load().callbacks({"mi": [np.nan, 0.3, 0.2]})
    assert isinstance(monitor, CollapseMonitor)
    assert stop.best == 0.3
    assert recipe(**ONE, language_model=True).load().callbacks({}) == []


def test_it_says_in_words_what_was_read(tmp_path, capsys):
    write_corpus(tmp_path)
    with (tmp_path / "train.txt").open("ab") as file:
        file.write(b"\n\n\xff\xfe\nan unheard-of sentence")
    choices = {"corpus": str(tmp_path), "train_size": None, "test_size": None, "vocabulary_size": 14}
    with pytest.warns(UserWarning, match="not UTF-8"):
        recipe(**choices, max_length=5).load()
    train, validation, test = capsys.readouterr().out.splitlines()
    for word in (
        "train: 121 of 123 lines kept",
        "1 empty",
        "1 not UTF-8",
        "5 in the longest row",
        "% of the rows cut",
        "97.52% of the characters known",
    ):
        assert word in train
    assert validation.startswith("validation: 20 of 20 lines kept")
    assert test.startswith("test: 20 of 20 lines kept")


def test_a_corpus_may_be_one_file(tmp_path):
    (tmp_path / "all.txt").write_text("\n".join(f"sentence {index}" for index in range(1000)), encoding="utf-8")
    chosen = recipe(corpus=str(tmp_path / "all.txt"), vocabulary_size=50)
    splits = [list(lines) for lines in chosen.read()]
    assert splits == [list(lines) for lines in dataclasses.replace(chosen, seed=1).read()]
    assert chosen.load().facts["train"]["lines"]["kept"] == 96


def test_tokens_of_a_corpus_on_the_disk_are_kept_there(tmp_path):
    folder = write_corpus(tmp_path)
    choices = {"corpus": str(folder), "data_dir": str(tmp_path / "data"), "train_size": None, "test_size": None}
    mine = recipe(**choices, vocabulary_size=12)
    mine.load()
    (kept,) = (tmp_path / "data" / "tokens").iterdir()
    assert {path.name for path in kept.iterdir()} == {"train", "validation", "test"}
    times = {path: path.stat().st_mtime_ns for path in kept.rglob("*") if path.is_file()}
    mine.load()
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*") if path.is_file()} == times


def test_a_run_is_not_resumed_with_the_words_of_another_corpus(tmp_path):
    choices = {"train_size": None, "test_size": None, "vocabulary_size": 12}
    first = recipe(corpus=str(write_corpus(tmp_path)), **choices).load()
    first.keep(tmp_path)
    first.keep(tmp_path)  # the same run again
    second = recipe(corpus=str(write_corpus(tmp_path, "a dog lay under my bed")), **choices).load()
    with pytest.raises(ValueError, match="another tokenizer"):
        second.keep(tmp_path)


def test_a_tokenizer_is_trained_on_some_of_the_lines_and_knows_what_it_is_to(tmp_path):
    lines = [f"{letter} {letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    words = recipe(vocabulary_size=9, tokenizer_lines=5)
    assert words.make_tokenizer(lines).pieces == words.make_tokenizer(lines).pieces
    with pytest.warns(UserWarning, match="allow for a vocabulary of 9 by the tokenizer 'word'.* in place of 10"):
        larger = recipe(vocabulary_size=10, tokenizer_lines=5).make_tokenizer(lines)
    assert larger.pieces == words.make_tokenizer(lines).pieces
    lines = ["ab"] * 30 + ["\u2603"]
    for coverage, known in ((0.98, False), (1.0, True)):
        made = recipe(tokenizer="char", vocabulary_size=7 + known, coverage=coverage).make_tokenizer(lines)
        assert ("\u2603" in made.pieces) == known


def test_published_corpora_keep_their_words(tmp_path):
    write_corpus(tmp_path, "the u.s. is n't <unk> in N")
    choices = {"corpus": str(tmp_path), "train_size": None, "test_size": None, "vocabulary_size": 16}
    mine = recipe(**choices, tokenizer="whitespace")
    tokenizer = mine.make_tokenizer(mine.read().train)
    (row,) = tokenizer.encode(["the u.s. <unk> n't"])
    assert len(row) == 4
    assert row[2] == UNK
    assert [tokenizer.pieces[index] for index in row[[0, 1, 3]]] == ["▁the", "▁u.s.", "▁n't"]


def test_a_language_model_has_no_latent_code():
    mine = recipe(**ONE, language_model=True)
    model = factories.make_model(mine, mine.model_options(300))
    inferred = model(np.array([[7, 8, EOS]], np.int32))
    np.testing.assert_array_equal(inferred["means"], 0.0)
    np.testing.assert_allclose(inferred["scales"], 1.0, rtol=2e-5)  # the floor under a scale
    x = np.array([[7, 8, EOS]], np.int32)
    one, other = (model.log_joint(x, np.full([1, 1, 1, 3], value, np.float32))[0] for value in (-2.0, 2.0))
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_prior_made_of_the_posterior_starts_from_training_sentences():
    chosen = recipe(**ONE, prior="vamp", prior_components=40)
    task = chosen.load()
    model = factories.make_model(chosen, task.model_options)
    runner.initialize_prior(model, task)
    prior = model.prior
    assert (prior.num_components, prior.length) == (40, TINY["max_length"])
    embedded = np.concatenate(
        [np.asarray(model.encoders[0].embed(batch))[:, 0] for batch in task.batches(0).take(3)]
    )  # of the first tokens
    distances = np.abs(prior.pseudo_inputs().numpy()[:, None, 0] - embedded[None]).max(axis=-1)
    np.testing.assert_array_equal(distances.min(axis=-1), 0.0)
    assert len(set(prior.lengths.numpy())) > 3


def test_tied_logits_have_the_embeddings_size():
    assert recipe(tied=True).choice("likelihood").options == {"features": 8, "tied": True}
    assert recipe(features=5).choice("likelihood").options == {"features": 5}
    assert recipe().choice("likelihood").options == {"features": TINY["units"]}


@pytest.mark.slow
def test_what_needs_second_derivatives_does_without_cudnn():
    for refinement, expected in (("sa", False), ("dsvi", "auto"), (None, "auto")):
        steps = {} if refinement is None else {"refinement_steps": 1}
        chosen = recipe(**ONE, refinement=refinement, **steps)
        assert factories.make_model(chosen, chosen.model_options(300)).decoder.lstm.use_cudnn == expected


class Starts(keras.callbacks.Callback):
    """Notes the largest weight of the decoder where an epoch begins."""

    def __init__(self):
        super().__init__()
        self.largest = []

    def on_epoch_begin(self, epoch, logs=None):
        self.largest.append(max(np.abs(weights).max() for weights in self.model.decoder.get_weights()))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*(collapse|ignores z|Identical components)")  # so short a training is one
def test_a_run_that_was_cut_short_ends_as_one_that_was_not(tmp_path, monkeypatch):
    mine = recipe(aggressive=True, annealing="linear", annealing_steps=5, patience=1, warm_start_epochs=1)
    mine = dataclasses.replace(mine, reset_decoder_epoch=2, restore_best=True, weight_range=0.02)
    mine = dataclasses.replace(mine, out=str(tmp_path / "run"))
    starts, callbacks = Starts(), monitoring.StopAggressive.on_epoch_end

    def kept(self, epoch, logs=None):
        """What a process killed here leaves behind: two epochs, and a third that is not saved."""
        callbacks(self, epoch, logs)
        if epoch == 2:
            shutil.copytree(mine.out, tmp_path / "cut")

    with monkeypatch.context() as patch:
        patch.setattr(monitoring.StopAggressive, "on_epoch_end", kept)
        whole = rme_tf.experiments.run(mine, [starts])
    assert 0.01 < starts.largest[2] <= 0.02  # in the epoch of the reset
    assert {"perplexity_per_word", "perplexity_per_token", "collapse"} <= set(whole.record["metrics"]["test"])
    assert whole.record["metrics"]["test"]["collapse"]["num_observations"] == 20
    assert len(whole.history["mi"]) == 3
    shutil.rmtree(mine.out)
    cut = dataclasses.replace(mine, out=str(tmp_path / "cut"))
    assert (tmp_path / "cut" / "tokenizer.model").exists()
    assert not (tmp_path / "cut" / "metrics.json").exists()
    resumed = rme_tf.experiments.run(cut, [again := Starts()])
    assert again.largest == starts.largest[2:]  # one epoch
    assert resumed.record["metrics"] == whole.record["metrics"]
    monkeypatch.setattr(runner, "assess", lambda *args: pytest.fail("evaluated again"))
    assert rme_tf.experiments.run(cut).record["metrics"] == whole.record["metrics"]
