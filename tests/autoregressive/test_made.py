"""MADE: masks that follow the order, mixtures over orders, and sampling unit by unit."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from brute_force import all_images, perturbed

from keras_gen import MADE, random
from keras_gen.likelihoods import Categorical
from keras_gen.random import Noise

OPTIONS = {
    "natural": {},
    "random order": {"ordering": "random"},
    "one layer": {"hidden_units": (6,), "ordering": "random"},
    "masks": {"num_masks": 3},
    "orders": {"ordering": "random", "num_masks": 4, "hidden_units": (9, 7, 11)},
}


@pytest.fixture(params=OPTIONS)
def options(request):
    return {"hidden_units": (13, 10)} | OPTIONS[request.param]


def build(image_shape, levels, options):
    return perturbed(MADE(image_shape, levels=levels, seed=0, **options))


@pytest.mark.parametrize(
    ("image_shape", "levels"), [((2, 2, 1), 2), ((2, 2, 1), 3), ((1, 2, 3), 2)], ids=str
)
def test_probabilities_of_all_images_sum_to_one(options, image_shape, levels):
    model = build(image_shape, levels, options | {"num_classes": 2})
    log_probs = model.log_prob(all_images(image_shape, levels), 1)
    assert np.exp(log_probs).sum() == pytest.approx(1.0, abs=1e-5)
    assert log_probs.std() > 0.1


def test_depends_on_what_comes_before_in_each_order(options):
    # With units enough, each output depends on every value before it.
    model = build((2, 3, 1), 4, options | {"hidden_units": (60, 60)})
    x = tf.constant(np.random.default_rng(0).random((16, 2, 3, 1)) * 3, tf.float32)
    for mask, order in enumerate(model.orders):
        rank = np.argsort(order)
        for at in range(6):
            with tf.GradientTape() as tape:
                tape.watch(x)
                parameters = tf.reshape(model(x, mask_index=mask), [16, 6, -1])[:, at]
                total = tf.reduce_sum(parameters**2)
            seen = (tape.gradient(total, x).numpy() != 0).any(axis=0).reshape(-1)
            np.testing.assert_array_equal(seen, rank < rank[at], err_msg=f"{mask}, {at}")


def naive_sample(model, num, seed, labels, temperature):
    """Runs the whole network under each sample's own mask, once for every value."""
    _, width, channels = model.image_shape
    noise, size = Noise(random.spread(seed, num)), model.num_dimensions
    masks = model.mask_of(noise).numpy() if model.num_masks > 1 else np.zeros(num, int)
    x = np.zeros((num, size), np.uint8)
    columns = width * channels
    for rank, i in itertools.product(range(size), range(num)):
        numbers = model.likelihood.noise(noise, (columns,), step=rank // columns)
        images = tf.constant(x[i : i + 1].reshape(1, *model.image_shape))
        parameters = model(images, labels[i : i + 1], mask_index=int(masks[i]))
        at = model.orders[masks[i], rank]
        value = model.likelihood.draw(
            tf.reshape(parameters, [size, -1])[at],
            numbers[i, rank % columns],
            tf.constant(temperature),
        )
        x[i, at] = value
    return x.reshape(num, *model.image_shape)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_cached_sampling_equals_naive(options, temperature):
    model = build((2, 3, 1), 4, options | {"num_classes": 3})
    labels = np.array([0, 1, 2], np.int32)
    cached = model.sample(3, labels=labels, seed=5, temperature=temperature)
    np.testing.assert_array_equal(cached, naive_sample(model, 3, 5, labels, temperature))


def test_completing_keeps_what_is_known(options):
    model = build((3, 4, 1), 4, options)
    images = np.random.default_rng(0).integers(0, 4, (30, 3, 4, 1), dtype=np.uint8)
    np.testing.assert_array_equal(model.complete(images, np.ones((3, 4, 1), bool)), images)
    mask = np.random.default_rng(1).random(images.shape) < 0.5
    completed = model.complete(images, mask, seed=0)
    np.testing.assert_array_equal(completed[mask], images[mask])
    assert (completed[~mask] != images[~mask]).any()


def test_samples_follow_the_mixture():
    model = build((2, 2, 1), 2, OPTIONS["orders"])
    num = 20_000
    probabilities = np.exp(model.log_prob(all_images((2, 2, 1), 2)))
    codes = model.sample(num, seed=0).reshape(num, 4) @ [8, 4, 2, 1]
    observed = np.bincount(codes, minlength=16) / num
    assert np.abs(observed - probabilities).max() < 5 * np.sqrt(0.25 / num)


def test_the_ensemble_is_the_mean_of_its_masks():
    model = build((2, 2, 1), 2, OPTIONS["orders"])
    x = all_images((2, 2, 1), 2)
    each = []
    for mask in range(model.num_masks):
        log_probs = model.likelihood.log_prob(model(tf.constant(x), mask_index=mask), x)
        each.append(np.exp(np.sum(log_probs, axis=(1, 2, 3))))
    assert np.std(each, axis=0).max() > 0.01
    np.testing.assert_allclose(np.exp(model.log_prob(x)), np.mean(each, axis=0), rtol=1e-4)


def test_training_goes_through_the_masks():
    model = build((2, 2, 1), 2, OPTIONS["orders"])
    model.compile()
    x = tf.constant(all_images((2, 2, 1), 2))
    losses = set()
    for step in range(20):
        model.optimizer.iterations.assign(step)
        losses.add(float(tf.reduce_sum(model.objective(x, None, True)["loss"])))
    assert len(losses) == model.num_masks


def test_conditionals_of_one_order_sum_to_the_whole():
    model = build((2, 3, 1), 4, OPTIONS["random order"])
    images = np.random.default_rng(0).integers(0, 4, (5, 2, 3, 1), dtype=np.uint8)
    each = model.log_prob(images, per_dimension=True)
    np.testing.assert_allclose(each.sum(axis=(1, 2, 3)), model.log_prob(images), rtol=1e-5)
    with pytest.raises(ValueError, match="per_dimension must be False"):
        build((2, 3, 1), 4, OPTIONS["orders"]).log_prob(images, per_dimension=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_units": ()}, "hidden_units must name at least one layer"),
        ({"hidden_units": (0,)}, "hidden_units must be at least 1, received 0"),
        ({"ordering": "snake"}, "ordering must be one of natural, random, received 'snake'"),
        ({"num_masks": 0}, "num_masks must be 1 to 10000, received 0"),
        ({"likelihood": Categorical(3)}, "likelihood must be of 256 levels"),
    ],
    ids=range(5),
)
def test_bad_constructor_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        MADE((2, 2, 1), **options)
