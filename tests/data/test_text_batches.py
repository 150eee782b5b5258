import numpy as np
import pytest

from rme_tf.data.text import PAD, evaluation_dataset, steps_per_epoch, tokenize, train_tokenizer, training_dataset


@pytest.fixture(scope="module")
def tokenizer():
    """By words: a, b, c, comma and exclamation mark."""
    return train_tokenizer(["a b c , !"], kind="word", vocabulary_size=9)


@pytest.fixture(scope="module")
def many(tokenizer):
    """103 rows, told apart by their ids: the number of a's, b's and c's."""
    lengths = np.random.default_rng(0).permutation(103)
    return tokenize([" ".join("a" * (1 + n % 5) + "b" * (1 + n // 5)) for n in lengths], tokenizer)


def batches(dataset, num_batches):
    return [batch.numpy() for batch in dataset.take(num_batches)]


def names(rows):
    """Rows without their padding, as tuples."""
    return [tuple(row[row != PAD].tolist()) for row in rows]


def same(left, right):
    return len(left) == len(right) and all(np.array_equal(*pair) for pair in zip(left, right, strict=True))


def test_every_row_comes_once_an_epoch_but_for_the_leftover(many):
    steps, left_over = steps_per_epoch(many, 10), []
    every = set(names(many.rows(range(len(many)))))
    assert (len(every), steps) == (103, 10)
    stream = batches(training_dataset(many, batch_size=10, pool=3), 3 * steps)
    for epoch in range(3):
        seen = [name for batch in stream[epoch * steps : (epoch + 1) * steps] for name in names(batch)]
        assert len(seen) == len(set(seen)) == 100
        left_over.append(every - set(seen))
    assert all(len(rows) == 3 for rows in left_over)
    assert len(set(map(frozenset, left_over))) == 3


def test_training_resumes_exactly(many):
    steps = steps_per_epoch(many, 10)
    whole = batches(training_dataset(many, batch_size=10, seed=7, pool=3), 4 * steps)
    resumed = batches(training_dataset(many, batch_size=10, seed=7, pool=3, first_epoch=2), 2 * steps)
    assert same(whole[2 * steps :], resumed)
    assert not same(whole[:steps], whole[steps : 2 * steps])
    assert not same(whole[:steps], batches(training_dataset(many, batch_size=10, seed=8, pool=3), steps))


def test_training_starts_again_with_each_iteration(many):
    dataset = training_dataset(many, batch_size=10)
    assert same(batches(dataset, 12), batches(dataset, 12))


def test_training_batches_are_of_like_length_in_any_order(many):
    steps = steps_per_epoch(many, 5)
    padding = {}
    for pool in (1, 4, 1000):
        stream = batches(training_dataset(many, batch_size=5, pool=pool), steps)
        padding[pool] = np.mean([np.mean(batch == PAD) for batch in stream])
        longest = [batch.shape[1] for batch in stream]
        assert longest != sorted(longest)
        for batch in stream:
            assert batch.shape[1] % 4 == 0
            assert batch.shape[1] - (batch != PAD).sum(-1).max() < 4
    assert padding[1000] < padding[4] < padding[1]


def test_the_shapes_are_known_as_far_as_they_can_be(many):
    dataset = training_dataset(many, batch_size=10)
    assert dataset.element_spec.shape.as_list() == [10, None]
    assert dataset.element_spec.dtype == "int32"
    assert dataset.cardinality() == -1
    dataset, _ = evaluation_dataset(many, 10)
    assert dataset.element_spec.shape.as_list() == [None, None]
    assert dataset.cardinality() == 11


@pytest.mark.parametrize("limit", [None, 1, 25])
def test_evaluation_says_the_order_it_is_in(many, limit):
    dataset, order = evaluation_dataset(many, 10, limit)
    rows = [name for batch in dataset for name in names(batch.numpy())]
    assert [len(row) for row in rows] == sorted(len(row) for row in rows)
    assert [rows[place] for place in np.argsort(order)] == names(many.rows(range(limit or 103)))
    assert sorted(order) == list(range(limit or 103))


def test_memory_and_files_give_the_same_batches(tokenizer, tmp_path):
    lines = ["a " * n for n in range(1, 30)]
    stored = tokenize(lines, tokenizer, directory=tmp_path)
    assert same(*(batches(training_dataset(t, batch_size=4), 20) for t in (stored, tokenize(lines, tokenizer))))


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 0}, {"seed": -1}, {"first_epoch": -1}, {"pad_multiple": 0}, {"pool": 0}],
)
def test_training_arguments_are_checked(many, options):
    with pytest.raises(ValueError, match=rf"`{next(iter(options))}` must be an integer of at least \d. Received: "):
        training_dataset(many, **{"batch_size": 10, **options})


def test_too_few_rows_for_a_batch_are_refused(many):
    with pytest.raises(ValueError, match=r"Expected: 104 at least. Received: 103."):
        steps_per_epoch(many, 104)


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"limit": 0}, {"limit": 104}, {"pad_multiple": 0}])
def test_evaluation_arguments_are_checked(many, options):
    with pytest.raises(ValueError, match=rf"`{next(iter(options))}` must be"):
        evaluation_dataset(many, **{"batch_size": 10, **options})
