"""A variant of a model: it fixes its parent's loss and penalty, and names one number of its own."""

import keras

from keras_gen import DCGAN, GradientPenalty, Wasserstein


@keras.saving.register_keras_serializable("toys")
class WGANGP(DCGAN):
    """Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, arXiv 1704.00028)."""

    def __init__(self, image_shape, *, penalty_weight=10.0, **kwargs):
        fixed = {
            "adversarial_loss": Wasserstein(),
            "penalties": [GradientPenalty(penalty_weight)],
        }
        super().__init__(image_shape, **fixed, **kwargs)
        self.penalty_weight = penalty_weight
