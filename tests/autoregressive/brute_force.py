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


def all_images(model):
    """Every image, or grid of codes, that there is: `[n, height, width, channels]`."""
    values = itertools.product(range(model.levels), repeat=int(np.prod(model.image_shape)))
    return np.array(list(values), model.format.dtype).reshape(-1, *model.image_shape)


def influence(model, places, conditions=None, num=16, **options):
    """Which stored values the parameters at each place depend on.

    Args:
        model: of images.
        places: indices (row, column), and channel where each has parameters of its own.
        conditions: arrays `[num, ...]` by name.
        num: images; several, since a rectifier that is closed at one hides what lies behind it.
        **options: of `model._parameters`.

    Returns:
        A bool array of the image's shape for each place.
    """
    values = np.random.default_rng(0).random((num, *model.image_shape)) * (model.levels - 1)
    x = tf.constant(values, tf.float32)
    conditions = tf.nest.map_structure(tf.constant, conditions or {})

    @tf.function(autograph=False)
    def gradient(place):
        with tf.GradientTape() as tape:
            tape.watch(x)
            parameters = model._parameters(x, conditions, **options)
            at = tf.repeat(place[None], num, axis=0)
            total = tf.reduce_sum(tf.gather_nd(parameters, at, batch_dims=1) ** 2)
        return tape.gradient(total, x)

    return [(gradient(tf.constant(at)).numpy() != 0).any(axis=0) for at in places]


def naive_sample(model, num, seed, conditions=None, temperature=1.0):
    """Draws images in raster order by running the whole network once for every value."""
    height, width, channels = model.image_shape
    noise = Noise(random.spread(seed, num))
    x = np.zeros((num, *model.image_shape), model.format.dtype)
    conditions = tf.nest.map_structure(tf.constant, conditions or {})
    temperature = tf.fill([num], temperature)
    parameters_of = tf.function(lambda x: model._parameters(x, conditions), autograph=False)
    for row in range(height):
        row_noise = model.row_noise(noise, row)
        for column, channel in itertools.product(range(width), range(channels)):
            parameters = parameters_of(tf.constant(x))[:, row, column]
            if model.whole_pixels:
                pixel = model.likelihood.draw(parameters, row_noise[:, column], temperature)
                value = pixel[:, channel]
            else:
                of_channel = tf.split(row_noise[:, column], channels, axis=-1)[channel]
                value = model.likelihood.draw(parameters[:, channel], of_channel, temperature)
            x[:, row, column, channel] = model.format.store(value)
    return x


def step_through(model, x, conditions=None, order=None):
    """Chooses the values of `x` by `step_through`.

    Args:
        model: of images.
        x: `[n, height, width, channels]`.
        conditions: arrays `[n, ...]` by name.
        order: of flat values; `None` is raster order.

    Returns:
        What was chosen, and the sum of the log-probabilities that each value had in its turn.
    """
    num, channels = len(x), model.image_shape[-1]
    turns = x.reshape(num, -1, channels) if model.whole_pixels else x.reshape(num, -1)
    turns = iter(np.swapaxes(turns if order is None else turns[:, order], 0, 1))
    total = np.zeros(num)

    def choose(parameters):
        value = next(turns)
        log_probs = model.likelihood.log_prob(tf.constant(parameters), tf.constant(value))
        total[:] += log_probs.numpy().reshape(num, -1).sum(axis=1)
        return value

    chosen = model.step_through(choose, num, **(conditions or {}))
    assert next(turns, None) is None
    return chosen, total


def check_fixed_batch_graphs(model, batch_size, conditions=None, seed=5):
    """Checks that every signature has a graph for a batch size, which samples as others do.

    Args:
        model: of images.
        batch_size: of the graphs.
        conditions: arrays `[batch_size, ...]` by name.
        seed: of the samples.
    """
    conditions = conditions or {}
    for signature in model.signatures().values():
        signature.graph(batch_size).get_concrete_function()
    seeds = random.spread(seed, batch_size).numpy()
    signature = model.signatures()["sample"]
    inputs = signature.check({"seeds": seeds, **conditions})
    samples = signature.graph(batch_size)(*map(tf.constant, inputs.values()))["samples"]
    assert samples.shape == (batch_size, *model.image_shape)
    np.testing.assert_array_equal(
        samples, model.run("sample", seeds=seeds, **conditions)["samples"]
    )


def naive_sequences(model, num, seed, conditions=None, temperature=1.0):
    """Draws sequences by running the whole network once for every token."""
    noise = Noise(random.spread(seed, num))
    conditions = tf.nest.map_structure(tf.constant, conditions or {})
    logits_of = tf.function(lambda x: model._parameters(x, conditions), autograph=False)
    tokens = np.zeros((num, model.length), np.int32)
    for t in range(model.length):
        row, column = divmod(t, model.row_length)
        if column == 0:
            gumbel = model.likelihood.noise(noise, (model.row_length,), step=row).numpy()
        logits = logits_of(model.format.from_tokens(tf.constant(tokens)))[:, t].numpy()
        tokens[:, t] = np.argmax(logits + temperature * gumbel[:, column], axis=-1)
    return model.format.from_tokens(tf.constant(tokens)).numpy()
