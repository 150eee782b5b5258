"""What is no number where one is needed is refused by what was expected."""

import pytest

from rme_tf import ELBO, Aggressive, Boosted, CyclicalAnnealing, FreeBits, LinearAnnealing, RecursiveMixture

NO_NUMBERS = [
    (
        ELBO,
        {"kl_weight": "linear"},
        "`kl_weight` must be a finite number of at least 0.*'linear'. An `Annealing`",
    ),
    (ELBO, {"kl_weight": None}, "`kl_weight`.*None"),
    (ELBO, {"warm_start_noise": "0.1"}, "`warm_start_noise` must be a finite number of at least 0.*'0.1'"),
    (RecursiveMixture, {"kl_bound": "3"}, "`kl_bound` must be a number of at least 0. Received: '3'"),
    (RecursiveMixture, {"kl_bound": [3.0]}, "`kl_bound`"),
    (Boosted, {"entropy_weight": "1"}, "`entropy_weight`.*'1'"),
    (LinearAnnealing, {"steps": "10"}, "`steps` must be a finite number of at least 1. Received: '10'"),
    (LinearAnnealing, {"steps": 10, "delay": None}, "`delay`"),
    (LinearAnnealing, {"steps": 10, "end": "1"}, "`end` must be a finite number of at least 0.*'1'"),
    (CyclicalAnnealing, {"steps": 10, "cycles": "4"}, "`cycles`"),
    (CyclicalAnnealing, {"steps": 10, "rise": "half"}, "`rise`.*'half'"),
    (FreeBits, {"nats": "0.5"}, "`nats` must be a finite number of at least 0.*'0.5'"),
    (FreeBits, {"nats": 0.5, "groups": "all"}, "`groups`.*'all'"),
    (Aggressive, {"window": "10"}, "`window`.*'10'"),
]


@pytest.mark.parametrize(("kind", "choices", "message"), NO_NUMBERS, ids=[str(each[1]) for each in NO_NUMBERS])
def test_what_is_no_number_is_refused(kind, choices, message):
    with pytest.raises(ValueError, match=message):
        kind(**choices)


@pytest.mark.parametrize(
    ("whole", "saved"),
    [
        (Aggressive(window=10, max_steps=30), {"window": 10.0, "max_steps": 30.0}),
        (FreeBits(2.0, groups=4), {"groups": 4.0}),
    ],
    ids=["aggressive", "free bits"],
)
def test_a_count_that_was_saved_as_a_float_loads(whole, saved):
    assert type(whole).from_config({**whole.get_config(), **saved}) == whole
    with pytest.raises(ValueError, match="must be an integer"):
        type(whole).from_config({**whole.get_config(), next(iter(saved)): 2.5})
