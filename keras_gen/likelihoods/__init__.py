"""Likelihoods: network output -> `tfd.Distribution`, and its draw from given noise."""

from keras_gen.likelihoods.bernoulli import Bernoulli
from keras_gen.likelihoods.categorical import Categorical
from keras_gen.likelihoods.likelihood import Likelihood
from keras_gen.likelihoods.normal import Normal

__all__ = ["Bernoulli", "Categorical", "Likelihood", "Normal", "default_likelihood"]


def default_likelihood(levels: int) -> Likelihood:
    """The likelihood that assumes nothing of `levels` values: Bernoulli of two, else softmax."""
    return Bernoulli() if levels == 2 else Categorical(levels)
