"""Schedules of inverse temperatures for annealing, from 0 to 1."""

import numpy as np

STEEPNESS = 4.0  # of the sigmoid, as in the paper's code


def linear(share):
    """Returns equidistant inverse temperatures, b = share."""
    return share


def sigmoid(share):
    """Returns inverse temperatures that are dense near 0 and 1.

        b proportional to s(4 (2 share - 1)) - s(-4),   s(a) = 1 / (1 + exp(-a))

    References:
        Wu, Burda, Salakhutdinov and Grosse (2017), https://arxiv.org/abs/1611.04273
    """
    values = 1.0 / (1.0 + np.exp(-STEEPNESS * (2.0 * share - 1.0)))
    low, high = (1.0 / (1.0 + np.exp(sign * STEEPNESS)) for sign in (1.0, -1.0))
    return (values - low) / (high - low)


SCHEDULES = {"linear": linear, "sigmoid": sigmoid}


def inverse_temperatures(schedule: str, num_temperatures: int):
    """Returns inverse temperatures b_0 = 0 < ... < b_T = 1, float64.

    Args:
        schedule: key of `SCHEDULES`.
        num_temperatures: number of temperatures T after the start.
    """
    betas = SCHEDULES[schedule](np.arange(num_temperatures + 1) / num_temperatures)
    betas[0], betas[-1] = 0.0, 1.0  # without rounding
    return betas
