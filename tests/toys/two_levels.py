"""A model made of two, trained in stages, saved in one file, sampled and exported as one graph."""

import keras
import tensorflow as tf

from keras_gen import PixelCNN
from keras_gen.formats import Codes, Images
from keras_gen.generative_model import GenerativeModel
from keras_gen.stages import Stage, StagedModel


@keras.saving.register_keras_serializable("toys")
class TwoLevels(StagedModel, GenerativeModel):
    """p(picture) = p(code) p(picture | code): a code says how bright each quarter is."""

    def __init__(self, image_shape, levels=256, *, num_codes=3, filters=4, **kwargs):
        super().__init__(**kwargs)
        self.format = Images(image_shape, levels)
        self.image_shape, self.levels = self.format.image_shape, levels
        self.num_codes, self.filters = num_codes, filters
        height, width, _ = self.image_shape
        codes = Codes((height // 2, width // 2, 1), num_codes)
        size = {"filters": filters, "num_blocks": 1, "first_kernel_size": 3, "seed": self.seed}
        size["dtype"] = self.dtype_policy
        self.top = PixelCNN(**codes.options(), **size)
        self.bottom = PixelCNN(image_shape, levels, source=codes, **size)
        self.finish_build()

    def codes_of(self, x):
        """Each quarter's mean, in `num_codes` steps."""
        unit = (self.format.to_unit(x) + 1.0) / 2.0
        mean = tf.reduce_mean(tf.nn.avg_pool2d(unit, 2, 2, "VALID"), axis=3, keepdims=True)
        return tf.cast(tf.minimum(mean * self.num_codes, self.num_codes - 1.0), tf.int32)

    def stages(self):
        return [
            Stage("top", self.top, lambda x, _: (self.codes_of(x), {})),
            Stage("bottom", self.bottom, lambda x, _: (x, {"source": self.codes_of(x)})),
        ]

    def draw(self, noise, conditions, settings):
        codes = self.top.draw(noise.of_part(1), {}, settings)
        return self.bottom.draw(noise.of_part(2), {"source": codes}, settings)
