"""Designs of comparisons: methods, hyperparameters to try, contrasts."""

import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from rme_tf.core.registry import lookup
from rme_tf.core.validation import require
from rme_tf.experiments.reports.contrasts import Contrast

Fields = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Design:
    """Methods, hyperparameters and contrasts of a comparison.

    Methods of one family share the hyperparameters that the family's trials choose. The first method of a family is the
    one that is tried. A `Fraction` in the fields of a trial is a fraction of the training steps.

    Args:
        families: fields by the name of the family.
        trials: fields of each trial, by the name of the family.
        methods: the family and further fields of each method. The first method's steps are the budget.
        equal_steps: methods with as many steps as the first one; the others have its time.
        contrasts: pairs of methods whose difference is reported, the second one subtracted.

    Raises:
        ValueError: if a name is unknown, a method or a contrast is no pair, there are no methods, the families have
            different numbers of trials, or the first method of a family is in `equal_steps`.
    """

    families: Mapping[str, Fields]
    trials: Mapping[str, Sequence[Fields]]
    methods: Mapping[str, tuple[str, Fields]]
    equal_steps: Sequence[str] = ()
    contrasts: Sequence[Contrast]

    def __post_init__(self):
        require(self.methods, "methods", "have a first one, whose steps are the budget", self.methods)
        for name, method in self.methods.items():
            is_pair = isinstance(method, tuple) and len(method) == 2 and isinstance(method[1], Mapping)
            require(is_pair, "methods", "be pairs of a family and a mapping of fields", f"{method!r} for {name!r}")
        for contrast in self.contrasts:
            is_pair = isinstance(contrast, tuple) and len(contrast) == 2
            require(is_pair, "contrasts", 'be pairs of methods, such as ("rme", "vae")', repr(contrast))
        for family, _ in self.methods.values():
            lookup(self.families, family, "family of methods")
        for name in [*self.equal_steps, *(name for contrast in self.contrasts for name in contrast)]:
            lookup(self.methods, name, "method")
        numbers = {family: len(self.trials.get(family, ())) for family in self.families}
        require(len(set(numbers.values())) == 1 and all(numbers.values()), "trials", "be as many for each", numbers)
        timed = self.timed
        require(next(iter(self.methods)) in timed, "equal_steps", "leave out the first method", self.equal_steps)
        tried = [self.first_of(family) for family in self.families]
        require(set(tried) <= set(timed), "equal_steps", "leave out the first method of each family", self.equal_steps)

    @property
    def timed(self) -> list[str]:
        """Names of the methods with the time of the first one."""
        return [name for name in self.methods if name not in self.equal_steps]

    def first_of(self, family: str) -> str:
        """Returns the first method of a family."""
        return next(name for name, (other, _) in self.methods.items() if other == family)

    def fields(self, method: str) -> dict[str, Any]:
        """Returns the fields of a method, without hyperparameters."""
        family, more = self.methods[method]
        return {**self.families[family], **more}

    def tried(self, method: str, trial: int, steps: int) -> dict[str, Any]:
        """Returns the fields of a method with the hyperparameters of a trial.

        Args:
            method: name of the method.
            trial: number of the trial in the method's family.
            steps: training steps.
        """
        family, _ = self.methods[method]
        hyperparameters = {
            name: max(1, int(value * steps)) if isinstance(value, Fraction) else value
            for name, value in self.trials[family][trial].items()
        }
        return {**self.fields(method), **hyperparameters, "train_steps": steps}

    @property
    def plan(self) -> dict[str, Any]:
        """The design in the form of JSON."""
        return {
            "contrasts": [list(contrast) for contrast in self.contrasts],
            "fields": {name: _plain(self.fields(name)) for name in self.methods},
            "trials": {family: [_plain(trial) for trial in self.trials[family]] for family in self.families},
        }


def _plain(fields: Fields) -> dict[str, Any]:
    """Returns fields with fractions as text."""
    return {name: str(value) if isinstance(value, Fraction) else value for name, value in fields.items()}
