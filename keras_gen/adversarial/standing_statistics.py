"""Standing statistics: batch normalisation's moments, gathered anew over many batches of samples.

Brock, Donahue, Simonyan 2019, "Large Scale GAN Training for High Fidelity Natural Image Synthesis",
arXiv 1809.11096, appendix A: moving moments are of weights as they changed, standing ones of those
that samples come from.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_gen import checks, random
from keras_gen.adversarial.latent_gan import LatentGAN
from keras_gen.random import Noise

_LABEL_STREAM = 16  # of the noise; the latents' is 0


class StandingStatistics(LatentGAN):
    """A game whose generator has batch normalisation, with the verb that gathers its moments.

    Args:
        **kwargs: of `LatentGAN`.
    """

    def gather_statistics(
        self, num_batches: int = 64, batch_size: int = 64, seed: int | None = None
    ) -> None:
        """Sets batch normalisation's moments to those of many samples: for after training.

        In training they are moving averages of moments, of weights that have changed since.
        Samples, and what is saved and exported, have the new ones from then on; more training moves
        them on.

        Args:
            num_batches: of samples, all labels alike.
            batch_size: samples of a batch, as many as in training.
            seed: of the samples; a new one is drawn where `None`.

        Raises:
            ValueError: an argument is out of range.

        Example:
            >>> model.fit(images, labels, epochs=20)
            >>> model.gather_statistics(seed=0)
        """
        checks.positive("num_batches", num_batches)
        checks.in_range("batch_size", batch_size, 2, 1 << 20)
        start = random.new_seed() if seed is None else checks.seed(seed)

        def generate(batch: int) -> None:
            noise = Noise(random.spread(start, batch_size, stream=batch))
            labels = noise.uniform((), _LABEL_STREAM) * float(self.num_classes or 1)
            conditions = {"labels": tf.cast(labels, tf.int32)}
            self.from_latents(self._draw_latents(noise), conditions, training=True)

        self._set_moments(generate, num_batches)

    def _set_moments(self, generate: Callable[[int], None], num_batches: int) -> None:
        """Sets the moments that sampling reads to their means over batches."""
        norms = [
            layer
            for layer in self.generator._flatten_layers()
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        kept: dict[int, keras.Variable] = {}
        read = []
        if self._averages is not None:
            for weight, twin in zip(self._averages.weights, self._averages.twins, strict=True):
                kept[id(weight)] = twin
                read.append((weight, twin.value))
        momenta = [norm.momentum for norm in norms]
        try:
            # What layers assign stays in the scope.
            with keras.StatelessScope(state_mapping=read) as scope:
                for batch in range(num_batches):
                    for norm in norms:
                        norm.momentum = batch / (batch + 1)  # of the mean over all batches so far
                    generate(batch)
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
        for norm in norms:
            for moment in (norm.moving_mean, norm.moving_variance):
                kept.get(id(moment), moment).assign(scope.get_current_value(moment))
