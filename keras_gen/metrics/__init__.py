"""Measures that stand beside a model's own: baselines of likelihood, statistics of samples."""

from keras_gen.metrics.baselines import histogram_bits_per_dim, uniform_bits_per_dim
from keras_gen.metrics.class_histogram import (
    ClassHistogram,
    class_histogram,
    class_statistics,
    share_as_asked,
)
from keras_gen.metrics.classifier_figures import classifier_figures
from keras_gen.metrics.feature_distances import FeatureDistances
from keras_gen.metrics.features import features
from keras_gen.metrics.frechet_distance import frechet_distance
from keras_gen.metrics.kernel_distance import KernelDistance, kernel_distance
from keras_gen.metrics.modes import mode_coverage
from keras_gen.metrics.picture_classifier import (
    PictureClassifier,
    classifier,
    save_classifier,
)
from keras_gen.metrics.sample_statistics import sample_statistics
from keras_gen.metrics.super_resolution import luma, psnr, ssim

__all__ = [
    "ClassHistogram",
    "FeatureDistances",
    "KernelDistance",
    "PictureClassifier",
    "class_histogram",
    "class_statistics",
    "classifier",
    "classifier_figures",
    "features",
    "frechet_distance",
    "histogram_bits_per_dim",
    "kernel_distance",
    "luma",
    "mode_coverage",
    "psnr",
    "sample_statistics",
    "save_classifier",
    "share_as_asked",
    "ssim",
    "uniform_bits_per_dim",
]
