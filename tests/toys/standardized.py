"""A model that starts from data, averages its weights, and whose examples see each other."""

import keras
import tensorflow as tf

from keras_gen.formats import Points
from keras_gen.generative_model import GenerativeModel
from keras_gen.global_batch import group_means
from keras_gen.signature import NUMBER


@keras.saving.register_keras_serializable("toys")
class Standardized(GenerativeModel):
    """Noise, moved until the means of small groups agree with those of data.

    The location and the scale of the first batch are where it starts.
    """

    sample_output = NUMBER
    terms = {"loss": "1"}

    def __init__(self, dim=2, *, group_size=4, average_decay=0.8, **kwargs):
        super().__init__(average_decay=average_decay, **kwargs)
        self.dim, self.group_size, self.format = dim, group_size, Points(dim)
        for name in ("loc", "scale"):  # of data, set by `adapt`
            setattr(self, name, self.add_weight((dim,), "ones", trainable=False, name=name))
        self.shift = self.add_weight((dim,), "ones", name="shift")
        self.stretch = self.add_weight((dim,), "ones", name="stretch")
        self.finish_build()

    def adapt(self, x, conditions):
        mean, variance = tf.nn.moments(x, axes=[0])
        self.loc.assign(mean)
        self.scale.assign(tf.sqrt(variance))

    def _move(self, z):
        return self.loc + self.scale * (self.shift + self.stretch * z)

    def objective(self, x, conditions, training):
        made = self._move(self.noise_for(x, training).normal((self.dim,)))
        means = (group_means(y, self.group_size, training) for y in (made, x))
        difference = tf.subtract(*means) / self.scale
        return {"loss": tf.reduce_sum(difference**2, axis=1)}

    def draw(self, noise, conditions, settings):
        return self._move(noise.normal((self.dim,)) * settings["temperature"][:, None])
