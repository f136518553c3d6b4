"""A model of float vectors with an exact likelihood: a Gaussian of the plane."""

import math

import keras
import tensorflow as tf

from keras_gen.explicit_model import ExplicitModel
from keras_gen.formats import Points
from keras_gen.signature import NUMBER


@keras.saving.register_keras_serializable("toys")
class Plane(ExplicitModel):
    """p(x) p(y | x), both normal, and the mean of y linear in x: any Gaussian of the plane."""

    sample_output = NUMBER

    def __init__(self, dim=2, **kwargs):
        super().__init__(**kwargs)
        self.dim, self.format = dim, Points(dim)
        self.loc, self.log_scale, self.slope = (
            self.add_weight(shape, "zeros", name=name)
            for name, shape in (("loc", (2,)), ("log_scale", (2,)), ("slope", ()))
        )
        if self.num_classes is not None:
            self.shift = self.add_weight((self.num_classes, 2), "zeros", name="shift")
        self.finish_build()

    def _loc(self, conditions):
        loc = tf.convert_to_tensor(self.loc)
        if self.num_classes is not None:
            loc += tf.gather(tf.convert_to_tensor(self.shift), conditions["labels"])  # [n, 2]
        return loc

    def _log_prob(self, x, conditions, training=False):
        residual = x - self._loc(conditions)
        # y's mean moves with x.
        residual -= tf.pad(self.slope * residual[:, :1], [[0, 0], [1, 0]])
        z = residual * tf.exp(-self.log_scale)
        return tf.reduce_sum(-0.5 * z**2 - self.log_scale - 0.5 * math.log(2 * math.pi), axis=1)

    def draw(self, noise, conditions, settings):
        z = noise.normal((2,)) * settings["temperature"][:, None] * tf.exp(self.log_scale)
        return self._loc(conditions) + z + tf.pad(self.slope * z[:, :1], [[0, 0], [1, 0]])
