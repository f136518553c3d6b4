"""Measures that stand beside a model's own: baselines of likelihood, statistics of samples."""

from keras_gen.metrics.baselines import histogram_bits_per_dim, uniform_bits_per_dim
from keras_gen.metrics.sample_statistics import frechet_distance, sample_statistics

__all__ = [
    "frechet_distance",
    "histogram_bits_per_dim",
    "sample_statistics",
    "uniform_bits_per_dim",
]
