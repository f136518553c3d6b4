"""Likelihoods: network output -> `tfd.Distribution`, and its draw from given noise."""

from typing import Any

from keras_gen.likelihoods.bernoulli import Bernoulli
from keras_gen.likelihoods.categorical import Categorical
from keras_gen.likelihoods.discretized_logistic_mixture import DiscretizedLogisticMixture
from keras_gen.likelihoods.likelihood import Likelihood
from keras_gen.likelihoods.normal import Normal
from keras_gen.likelihoods.per_channel import PerChannel

__all__ = [
    "Bernoulli",
    "Categorical",
    "DiscretizedLogisticMixture",
    "Likelihood",
    "Normal",
    "PerChannel",
    "likelihood_of",
    "pixel_likelihood_of",
]


def likelihood_of(levels: int, likelihood: Likelihood | None = None) -> Likelihood:
    """The likelihood of values in `[0, levels)`: the given one, checked, or one that fits.

    Args:
        levels: how many values there are.
        likelihood: `None` assumes nothing of them: Bernoulli of two, else Categorical.

    Raises:
        ValueError: the likelihood is of another number of levels.
    """
    if likelihood is None:
        return Bernoulli() if levels == 2 else Categorical(levels)
    _check_kind(likelihood)
    if likelihood.levels != levels:
        raise ValueError(
            f"likelihood must be of {levels} levels, as the model is, received one of "
            f"{likelihood.levels}."
        )
    if likelihood.event_shape:
        raise ValueError(
            f"likelihood must be of single values, received {type(likelihood).__name__}, which is "
            "of whole pixels."
        )
    return likelihood


def pixel_likelihood_of(
    levels: int, channels: int, likelihood: Likelihood | None = None, codes: bool = False
) -> Likelihood:
    """The likelihood of whole pixels: the given one, checked, or one that fits.

    Args:
        levels: how many values a channel takes.
        channels: of a pixel.
        likelihood: of whole pixels, or of a single channel's values, which are then independent;
            `None` is Bernoulli for binary images of one channel, else a mixture of ten discretised
            logistics; of codes, whose values have no order, Categorical.
        codes: whether values have no order.

    Raises:
        ValueError: the likelihood is of other levels or channels.
    """
    if likelihood is None:
        if codes or (levels, channels) == (2, 1):
            return PerChannel(likelihood_of(levels), channels)
        return DiscretizedLogisticMixture(levels, channels)
    _check_kind(likelihood)
    if not likelihood.event_shape:
        return PerChannel(likelihood_of(levels, likelihood), channels)
    if (likelihood.levels, *likelihood.event_shape) != (levels, channels):
        raise ValueError(
            f"likelihood must be of {levels} levels and {channels} channels, as the model is, "
            f"received one of {likelihood.levels} and {likelihood.event_shape[0]}."
        )
    return likelihood


def _check_kind(likelihood: Any) -> None:
    if not isinstance(likelihood, Likelihood):
        raise ValueError(
            f"likelihood must be an object such as Categorical(256), received {likelihood!r}."
        )
