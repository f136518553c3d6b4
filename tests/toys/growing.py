"""A model that grows within one `fit`: details fade in after the coarse picture is learned."""

import keras
import tensorflow as tf

from keras_gen.formats import Images
from keras_gen.generative_model import GenerativeModel
from keras_gen.phases import PhasedModel
from keras_gen.signature import ROUNDED


@keras.saving.register_keras_serializable("toys")
class Growing(GenerativeModel, PhasedModel):
    """Learns the mean picture: a quarter of its size in phase 0, all of it in phase 1."""

    sample_output = ROUNDED
    terms = {"loss": "1"}

    def __init__(self, image_shape, levels=256, *, grow_at=3, fade_steps=4, **kwargs):
        super().__init__(**kwargs)
        self.format = Images(image_shape, levels)
        self.image_shape, self.levels = self.format.image_shape, levels
        self.grow_at, self.fade_steps = grow_at, fade_steps
        height, width, channels = self.image_shape
        coarse = (height // 2, width // 2, channels)
        self.coarse = self.add_weight(coarse, "zeros", name="coarse")
        self.detail = self.add_weight(self.image_shape, "zeros", name="detail")
        self.finish_build()

    def phase_at(self, steps):
        return int(steps >= self.grow_at)

    def phase_weights(self, phase):
        return [self.coarse, self.detail] if phase else [self.coarse]

    def mean(self):
        """The picture learned so far, in [-1, 1]."""
        mean = tf.repeat(tf.repeat(tf.convert_to_tensor(self.coarse), 2, axis=0), 2, axis=1)
        if self.phase:
            since = tf.cast(self.steps.value - self.grow_at, tf.float32)
            mean += tf.clip_by_value((since + 1.0) / self.fade_steps, 0.0, 1.0) * self.detail
        return mean

    def objective(self, x, conditions, training):
        difference = self.format.to_unit(x) - self.mean()
        return {"loss": tf.reduce_mean(difference**2, axis=[1, 2, 3])}

    def draw(self, noise, conditions, settings):
        spread = 0.3 * settings["temperature"][:, None, None, None]
        return self.format.from_unit(self.mean() + spread * noise.normal(self.image_shape))
