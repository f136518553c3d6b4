"""MADE: masks that follow the order, mixtures over orders, and sampling unit by unit."""

import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from brute_force import all_images, check_fixed_batch_graphs, influence, perturbed, step_through

from keras_gen import random
from keras_gen.autoregressive.made import MADE
from keras_gen.formats import Images
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
def name(request):
    return request.param


@functools.cache
def build(name, image_shape, levels, num_classes=None):
    """A model that no test changes, so that tests share its graphs."""
    return new(name, image_shape, levels, num_classes=num_classes)


def new(name, image_shape, levels, **options):
    keras.utils.set_random_seed(0)
    options = {"hidden_units": (13, 10)} | OPTIONS[name] | options
    return perturbed(MADE(image_shape, levels=levels, seed=0, **options))


@functools.cache
def of_codes(name):
    """Of codes, more than a byte holds, given labels and a source."""
    source = Images((1, 3, 1), 4)
    return new(name, (2, 3, 1), 300, codes=True, source=source, num_classes=3)


LABELS = np.array([0, 1, 2], np.int32)
SOURCE = np.random.default_rng(0).integers(0, 4, (3, 1, 3, 1), dtype=np.uint8)


class TestProbabilities:
    @pytest.mark.parametrize(
        ("image_shape", "levels"), [((2, 2, 1), 2), ((2, 2, 1), 3), ((1, 2, 3), 2)], ids=str
    )
    def test_of_all_images_sum_to_one(self, name, image_shape, levels):
        model = build(name, image_shape, levels, 2)
        log_probs = model.log_prob(all_images(model), 1)
        assert np.exp(log_probs).sum() == pytest.approx(1.0, abs=1e-5)
        assert log_probs.std() > 0.1

    def test_of_all_codes_sum_to_one_given_a_source(self, name):
        model = new(name, (2, 2, 1), 3, codes=True, source=Images((1, 2, 1), 4))
        source = np.array([[[0], [3]]], np.uint8)
        log_probs = model.log_prob(all_images(model), source=source)
        assert np.exp(log_probs).sum() == pytest.approx(1.0, abs=1e-5)
        assert log_probs.std() > 0.1

    def test_of_values_sum_to_the_whole(self):
        model = build("random order", (2, 3, 1), 4, 3)
        images = np.random.default_rng(0).integers(0, 4, (5, 2, 3, 1), dtype=np.uint8)
        each = model.log_prob(images, 0, per_dimension=True)
        np.testing.assert_allclose(each.sum(axis=(1, 2, 3)), model.log_prob(images, 0), rtol=1e-5)
        with pytest.raises(ValueError, match="per_dimension must be False"):
            build("orders", (2, 3, 1), 4, 3).log_prob(images, 0, per_dimension=True)

    def test_depend_on_the_source_from_the_first_value_on(self):
        model = of_codes("random order")
        x = np.random.default_rng(0).integers(0, 300, (5, 2, 3, 1), dtype=np.int32)
        black, white = (
            model.log_prob(x, 0, source=np.full((1, 3, 1), level, np.uint8), per_dimension=True)
            for level in (0, 3)
        )
        assert (np.abs(black - white).max(axis=0) > 1e-3).all()


def test_depends_on_what_comes_before_in_each_order(name):
    # With units enough, each output depends on every value before it.
    model = new(name, (2, 3, 1), 4, hidden_units=(60, 60))
    places = list(np.ndindex(2, 3, 1))
    for mask, order in enumerate(model.orders):
        rank = np.argsort(order)
        for at, seen in enumerate(influence(model, places, mask=mask)):
            expected = rank < rank[at]
            np.testing.assert_array_equal(seen.reshape(-1), expected, err_msg=f"{mask}, {at}")


def naive_sample(model, num, seed, conditions, temperature):
    """Runs the whole network under each sample's own mask, once for every value."""
    _, width, channels = model.image_shape
    noise, size = Noise(random.spread(seed, num)), model.orders.shape[1]
    masks = model.mask_of(noise).numpy() if model.num_masks > 1 else np.zeros(num, int)
    x = np.zeros((num, size), model.format.dtype)
    columns = width * channels
    for rank, i in itertools.product(range(size), range(num)):
        numbers = model.likelihood.noise(noise, (columns,), step=rank // columns)
        images = tf.constant(x[i : i + 1].reshape(1, *model.image_shape))
        own = {name: tf.constant(value[i : i + 1]) for name, value in conditions.items()}
        parameters = model._parameters(images, own, mask=int(masks[i]))
        at = model.orders[masks[i], rank]
        value = model.likelihood.draw(
            tf.reshape(parameters, [size, -1])[at],
            numbers[i, rank % columns],
            tf.constant(temperature),
        )
        x[i, at] = model.format.store(value)
    return x.reshape(num, *model.image_shape)


class TestSampling:
    @pytest.mark.parametrize("temperature", [1.0, 0.7])
    def test_with_caches_equals_the_naive_loop(self, name, temperature):
        model = build(name, (2, 3, 1), 4, 3)
        cached = model.sample(3, labels=LABELS, seed=5, temperature=temperature)
        naive = naive_sample(model, 3, 5, {"labels": LABELS}, temperature)
        np.testing.assert_array_equal(cached, naive)

    def test_of_codes_with_caches_equals_the_naive_loop(self, name):
        model, conditions = of_codes(name), {"labels": LABELS, "source": SOURCE}
        cached = model.sample(3, seed=5, **conditions)
        assert cached.dtype == np.int32
        np.testing.assert_array_equal(cached, naive_sample(model, 3, 5, conditions, 1.0))
        assert len(np.unique(cached)) > 1

    def test_follows_the_mixture(self):
        model, num = build("orders", (2, 2, 1), 2, 2), 20_000
        probabilities = np.exp(model.log_prob(all_images(model), 1))
        numbers = model.sample(num, 1, seed=0).reshape(num, 4) @ [8, 4, 2, 1]
        observed = np.bincount(numbers, minlength=16) / num
        assert np.abs(observed - probabilities).max() < 5 * np.sqrt(0.25 / num)

    @pytest.mark.parametrize("num", [1, 2])
    def test_graphs_of_a_fixed_batch_sample_the_same(self, name, num):
        check_fixed_batch_graphs(build(name, (2, 3, 1), 4, 3), num, {"labels": LABELS[:num]})

    def test_step_through_gives_the_terms_of_the_likelihood(self):
        model, conditions = of_codes("random order"), {"labels": LABELS, "source": SOURCE}
        x = np.random.default_rng(1).integers(0, 300, (3, 2, 3, 1), dtype=np.int32)
        chosen, total = step_through(model, x, conditions, order=model.orders[0])
        np.testing.assert_array_equal(chosen, x)
        np.testing.assert_allclose(total, model.log_prob(x, **conditions), rtol=1e-5)

    def test_step_through_needs_one_order(self):
        with pytest.raises(ValueError, match="choose must be None: this model mixes several"):
            build("orders", (2, 3, 1), 4, 3).step_through(lambda parameters: 0, 2, labels=0)

    def test_completing_keeps_what_is_known(self, name):
        model = build(name, (2, 3, 1), 4, 3)
        images = np.random.default_rng(0).integers(0, 4, (30, 2, 3, 1), dtype=np.uint8)

        def complete(images, mask):
            return model.complete(images, mask, 1, seed=0)

        everything = np.ones((2, 3, 1), bool)
        np.testing.assert_array_equal(complete(images, everything), images)
        mask = np.random.default_rng(1).random(images.shape) < 0.5
        completed = complete(images, mask)
        np.testing.assert_array_equal(completed[mask], images[mask])
        assert (completed[~mask] != images[~mask]).any()
        # The same noise after the same values draws the same.
        drawn = complete(images, ~everything)
        np.testing.assert_array_equal(complete(drawn, mask), drawn)


def test_the_ensemble_is_the_mean_of_its_masks():
    model = build("orders", (2, 2, 1), 2, 2)
    x = all_images(model)
    conditions = {"labels": tf.ones([len(x)], tf.int32)}
    each = []
    for mask in range(model.num_masks):
        parameters = model._parameters(tf.constant(x), conditions, mask=mask)
        each.append(np.exp(np.sum(model.likelihood.log_prob(parameters, x), axis=(1, 2, 3))))
    assert np.std(each, axis=0).max() > 0.01
    np.testing.assert_allclose(np.exp(model.log_prob(x, 1)), np.mean(each, axis=0), rtol=1e-4)


def test_training_goes_through_the_masks():
    model = new("orders", (2, 2, 1), 2)
    x = tf.constant(all_images(model))
    losses = []
    for step in range(20):
        model.steps.assign(step)
        losses.append(float(tf.reduce_sum(model.objective(x, {}, True)["loss"])))
    assert len(set(losses)) == model.num_masks
    # A step that is taken again takes the same mask.
    model.steps.assign(0)
    assert float(tf.reduce_sum(model.objective(x, {}, True)["loss"])) == losses[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_units": ()}, "hidden_units must name at least one layer"),
        ({"hidden_units": (0,)}, "hidden_units must be whole numbers of at least 1, such as"),
        ({"ordering": "snake"}, "ordering must be one of natural, random, received 'snake'"),
        ({"num_masks": 0}, "num_masks must be 1 to 10000, received 0"),
        ({"likelihood": Categorical(3)}, "likelihood must be of 256 levels"),
    ],
    ids=range(5),
)
def test_bad_constructor_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        MADE((2, 2, 1), **options)
