"""A translator with two pictures in, of any size that its strides divide."""

import keras
import tensorflow as tf

from keras_gen.formats import Images
from keras_gen.translator import Translator


@keras.saving.register_keras_serializable("toys")
class DoubleExposure(Translator):
    """Learns the mean of a picture and its source."""

    terms = {"loss": "levels"}

    def __init__(self, levels=256, filters=8, **kwargs):
        super().__init__(**kwargs)
        self.levels, self.filters = levels, filters
        self.format = Images((None, None, 1), levels, multiple_of=4)
        conv, up, policy = keras.layers.Conv2D, keras.layers.Conv2DTranspose, self.dtype_policy
        shape = {"kernel_size": 4, "strides": 2, "padding": "same"}
        self.network = keras.Sequential(
            [
                keras.Input((None, None, 2)),
                conv(filters, activation="relu", dtype=policy, **shape),
                conv(2 * filters, activation="relu", dtype=policy, **shape),
                up(filters, activation="relu", dtype=policy, **shape),
                up(1, dtype="float32", **shape),
            ]
        )
        self.finish_build()

    def condition_inputs(self):
        return super().condition_inputs() | {"source": self.format.input()}

    def _both(self, x, conditions):
        return [self.format.to_unit(y, self.compute_dtype) for y in (x, conditions["source"])]

    def objective(self, x, conditions, training):
        x, source = self._both(x, conditions)
        made = self.network(tf.concat([x, source], axis=-1), training=training)
        difference = tf.abs(made - tf.cast((x + source) / 2.0, tf.float32))
        return {"loss": tf.reduce_mean(difference, axis=[1, 2, 3]) * (self.levels - 1) / 2.0}

    def _translate(self, x, conditions):
        return self.format.from_unit(self.network(tf.concat(self._both(x, conditions), axis=-1)))
