"""What an autoregressive model must equal, the slow way: shared by the family's tests."""

from __future__ import annotations

import itertools

import numpy as np
import tensorflow as tf

from keras_gen import random
from keras_gen.random import Noise


def perturbed(model, scale=0.5):
    """The model, with weights as training leaves them: none of them zero."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(scale * rng.standard_normal(weight.shape))
    return model


def all_images(image_shape, levels):
    """Every image that there is."""
    values = itertools.product(range(levels), repeat=int(np.prod(image_shape)))
    return np.array(list(values), np.uint8).reshape(-1, *image_shape)


def influence(model, at):
    """Which stored values the parameters of one value depend on: bool, of the image's shape."""
    # Several images, since a rectifier that is closed at one hides what lies behind it.
    shape = (16, *model.image_shape)
    x = tf.constant(np.random.default_rng(0).random(shape) * (model.levels - 1), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        parameters = tf.reduce_sum(model(x)[(slice(None), *at)] ** 2)
    return (tape.gradient(parameters, x).numpy() != 0).any(axis=0)


def naive_sample(model, num, seed, labels=None, temperature=1.0):
    """Draws images in raster order by running the whole network once for every value."""
    height, width, channels = model.image_shape
    noise = Noise(random.spread(seed, num))
    x = np.zeros((num, *model.image_shape), np.uint8)
    labels = None if labels is None else tf.constant(labels)
    temperature = tf.fill([num], temperature)
    parameters_of = tf.function(lambda x: model(x, labels), autograph=False)
    for row in range(height):
        row_noise = model.row_noise(noise, row)
        for column, channel in itertools.product(range(width), range(channels)):
            parameters = parameters_of(tf.constant(x))[:, row, column]
            if model.likelihood.channels is None:
                of_channel = tf.split(row_noise[:, column], channels, axis=-1)[channel]
                value = model.likelihood.draw(parameters[:, channel], of_channel, temperature)
            else:
                pixel = model.likelihood.draw(parameters, row_noise[:, column], temperature)
                value = pixel[:, channel]
            x[:, row, column, channel] = value
    return x


def naive_sequences(model, num, seed, condition=None, temperature=1.0):
    """Draws sequences by running the whole network once for every token."""
    noise = Noise(random.spread(seed, num))
    if condition is not None:
        condition = tf.nest.map_structure(tf.constant, condition)
    logits_of = tf.function(lambda x: model(x, condition), autograph=False)
    tokens = np.zeros((num, model.length), np.int32)
    for t in range(model.length):
        block, place = divmod(t, model.block)
        if place == 0:
            gumbel = model.block_noise(noise, block).numpy()
        logits = logits_of(model.tokenizer.decode(tf.constant(tokens)))[:, t].numpy()
        tokens[:, t] = np.argmax(logits + temperature * gumbel[:, place], axis=-1)
    return model.tokenizer.decode(tf.constant(tokens)).numpy()
