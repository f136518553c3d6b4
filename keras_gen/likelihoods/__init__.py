"""Likelihoods: network output -> `tfd.Distribution`, and its draw from given noise."""

from keras_gen.likelihoods.bernoulli import Bernoulli
from keras_gen.likelihoods.categorical import Categorical
from keras_gen.likelihoods.discretized_logistic_mixture import DiscretizedLogisticMixture
from keras_gen.likelihoods.likelihood import Likelihood
from keras_gen.likelihoods.normal import Normal

__all__ = ["Bernoulli", "Categorical", "DiscretizedLogisticMixture", "Likelihood", "Normal", "likelihood_of"]


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
    if likelihood.levels != levels:
        raise ValueError(
            f"likelihood must be of {levels} levels, as the model is, received one of "
            f"{likelihood.levels}."
        )
    if likelihood.channels is not None:
        raise ValueError(
            f"likelihood must be of single values, received {type(likelihood).__name__}, which is "
            "of whole pixels."
        )
    return likelihood
