"""Every model of pictures in raster order: a distribution, causal, and the same when cached."""

import itertools

import numpy as np
import pytest
from brute_force import all_images, influence, naive_sample, perturbed

from keras_gen import (
    GatedPixelCNN,
    PixelCNN,
    PixelCNNPlusPlus,
    PixelRNN,
    PixelSNAIL,
)
from keras_gen.likelihoods import Categorical, DiscretizedLogisticMixture

# A class, tiny options, and what of the past it reaches with them in a 4x4 image: all of it, or
# less where the paper says less.
MODELS = {
    "gated_pixel_cnn": (GatedPixelCNN, {"filters": 24, "num_blocks": 4, "first_kernel_size": 3}),
    "pixel_cnn": (PixelCNN, {"filters": 24, "num_blocks": 4, "first_kernel_size": 3}),
    "pixel_cnn_plus_plus": (PixelCNNPlusPlus, {"filters": 6, "num_scales": 2}),
    "one scale": (PixelCNNPlusPlus, {"filters": 6, "num_blocks": 2, "num_scales": 1}),
    "pixel_snail": (
        PixelSNAIL,
        {"filters": 6, "num_blocks": 2, "num_residuals": 1, "num_heads": 2, "value_dim": 4},
    ),
    "no residuals": (PixelSNAIL, {"filters": 6, "num_blocks": 1, "num_residuals": 0}),
    "row_lstm": (
        PixelRNN,
        {"recurrence": "row", "filters": 24, "num_blocks": 2, "first_kernel_size": 3},
    ),
    "diagonal_bilstm": (
        PixelRNN,
        {"recurrence": "diagonal", "filters": 24, "num_blocks": 2, "first_kernel_size": 3},
    ),
}
# Models whose channels depend on each other by the network, not by the likelihood.
BY_CHANNEL = ("gated_pixel_cnn", "pixel_cnn", "row_lstm", "diagonal_bilstm")
# The blind spots: of a cone of convolutions, and of a triangle of states.
PARTIAL = ("pixel_cnn", "row_lstm")


@pytest.fixture(params=MODELS)
def name(request):
    return request.param


def build(name, image_shape, levels, scale=0.3, **options):
    model_class, of_model = MODELS[name]
    return perturbed(model_class(image_shape, levels=levels, seed=0, **(of_model | options)), scale)


@pytest.mark.parametrize(
    ("image_shape", "levels", "num_classes"),
    [((2, 2, 1), 2, None), ((2, 2, 1), 3, 2), ((2, 2, 2), 2, None)],
    ids=str,
)
def test_probabilities_of_all_images_sum_to_one(name, image_shape, levels, num_classes):
    model = build(name, image_shape, levels, num_classes=num_classes)
    images = all_images(image_shape, levels)
    log_probs = model.log_prob(images, None if num_classes is None else 1)
    assert np.exp(log_probs).sum() == pytest.approx(1.0, abs=1e-5)
    assert log_probs.std() > 0.1


def test_conditionals_sum_to_the_whole(name):
    model = build(name, (4, 4, 3), 4)
    images = np.random.default_rng(0).integers(0, 4, (5, 4, 4, 3), dtype=np.uint8)
    each = model.log_prob(images, per_dimension=True)
    assert each.shape == images.shape
    assert (each <= 0).all()
    np.testing.assert_allclose(each.sum(axis=(1, 2, 3)), model.log_prob(images), rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_strictly_causal_and_reaches_what_it_should(name, channels):
    model = build(name, (4, 4, channels), 4)
    order = np.arange(16 * channels).reshape(4, 4, channels)
    places = itertools.product(range(4), range(4), range(channels))
    for at in places if name in BY_CHANNEL else itertools.product(range(4), range(4)):
        seen = influence(model, at)
        before = order < order[(*at, 0)[:3]]
        assert not seen[~before].any(), at
        if name in PARTIAL:
            # All channels of the pixel to the left and of the one above; of its own, those before.
            row, column, *channel = at
            assert seen[row, max(column - 1, 0) : column].all(), at
            assert seen[max(row - 1, 0) : row, column].all(), at
            assert seen[row, column, : channel[0]].all(), at
        else:
            np.testing.assert_array_equal(seen, before, err_msg=str(at))


def test_blind_spots_are_where_the_papers_have_them():
    # A 3x3 convolution under a mask sees one more column to the right with each row up.
    model = build("pixel_cnn", (4, 8, 1), 4)
    seen = influence(model, (3, 1, 0))[..., 0]
    np.testing.assert_array_equal(seen[2], [True] * 3 + [False] * 5)
    np.testing.assert_array_equal(seen[1], [True] * 4 + [False] * 4)
    # A Row LSTM likewise, as far up as there are rows.
    model = build("row_lstm", (4, 8, 1), 4, num_blocks=1)
    seen = influence(model, (3, 1, 0))[..., 0]
    np.testing.assert_array_equal(seen[2], [True] * 3 + [False] * 5)
    np.testing.assert_array_equal(seen[0], [True] * 5 + [False] * 3)


@pytest.mark.parametrize(
    ("image_shape", "levels", "num_classes", "temperature"),
    [((4, 6, 1), 2, None, 1.0), ((4, 4, 3), 4, 3, 0.7)],
    ids=["binary", "colours with labels"],
)
def test_cached_sampling_equals_naive(name, image_shape, levels, num_classes, temperature):
    model = build(name, image_shape, levels, num_classes=num_classes)
    labels = None if num_classes is None else np.array([0, 1, 2, 0], np.int32)
    cached = model.sample(4, labels=labels, seed=5, temperature=temperature)
    np.testing.assert_array_equal(cached, naive_sample(model, 4, 5, labels, temperature))
    assert len(np.unique(cached)) > 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gated_pixel_cnn", {"kernel_size": 5, "head_filters": 6}),
        ("gated_pixel_cnn", {"num_blocks": 0, "likelihood": Categorical(2)}),
        ("pixel_cnn", {"kernel_size": 5, "first_kernel_size": 7, "head_filters": 6}),
        ("pixel_cnn", {"num_blocks": 0}),
        ("pixel_cnn_plus_plus", {"num_blocks": 2, "num_scales": 3}),
        ("pixel_cnn_plus_plus", {"likelihood": DiscretizedLogisticMixture(2, 1, 2)}),
        ("pixel_snail", {"likelihood": Categorical(2)}),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_options_sample_as_the_naive_loop_does(name, options):
    model = build(name, (4, 4, 1), 2, **options)
    np.testing.assert_array_equal(model.sample(3, seed=5), naive_sample(model, 3, 5))


def test_labels_change_the_distribution(name):
    model = build(name, (4, 4, 1), 2, num_classes=2)
    x = np.random.default_rng(0).integers(0, 2, (20, 4, 4, 1), dtype=np.uint8)
    assert np.abs(model.log_prob(x, 0) - model.log_prob(x, 1)).min() > 1e-3


def test_samples_follow_the_distribution(name):
    model = build(name, (2, 2, 1), 2)
    num = 20_000
    probabilities = np.exp(model.log_prob(all_images((2, 2, 1), 2)))
    codes = model.sample(num, seed=0).reshape(num, 4) @ [8, 4, 2, 1]
    observed = np.bincount(codes, minlength=16) / num
    assert np.abs(observed - probabilities).max() < 5 * np.sqrt(0.25 / num)


class TestComplete:
    images = np.random.default_rng(0).integers(0, 4, (5, 4, 4, 3), dtype=np.uint8)

    def test_what_is_known_stays(self, name):
        model = build(name, (4, 4, 3), 4)
        everything = np.ones((4, 4, 3), bool)
        np.testing.assert_array_equal(model.complete(self.images, everything), self.images)
        np.testing.assert_array_equal(
            model.complete(self.images, ~everything, seed=3), model.sample(5, seed=3)
        )
        mask = np.random.default_rng(1).random(self.images.shape) < 0.5
        completed = model.complete(self.images, mask, seed=0)
        np.testing.assert_array_equal(completed[mask], self.images[mask])
        assert (completed[~mask] != self.images[~mask]).any()

    def test_what_follows_depends_on_what_is_known(self):
        model = build("gated_pixel_cnn", (4, 4, 3), 4)
        mask = np.zeros((4, 4, 3), bool)
        mask[:2] = True
        ones = np.ones((30, 4, 4, 3), np.uint8)
        a, b = (model.complete(level * ones, mask, seed=0)[:, 2:] for level in (0, 3))
        assert (a != b).any()

    @pytest.mark.parametrize(
        ("images", "mask", "message"),
        [
            (images, np.ones((4, 4), bool), r"mask must have shape \[5, 4, 4, 3\] or \[4, 4, 3\]"),
            (images, np.ones((4, 4, 3)), "mask must be bool, received dtype float64"),
            (images + 4, np.ones((4, 4, 3), bool), r"x must be in \[0, 3\]"),
            (images / 4, np.ones((4, 4, 3), bool), "x must be integers"),
            (images[:, :2], np.ones((4, 4, 3), bool), r"x must have shape \[n, 4, 4, 3\]"),
        ],
        ids=["shape", "kind", "range", "floats", "images"],
    )
    def test_bad_arguments(self, images, mask, message):
        with pytest.raises(ValueError, match=message):
            build("pixel_cnn", (4, 4, 3), 4).complete(images, mask)


@pytest.mark.parametrize(
    ("model_class", "options", "message"),
    [
        (PixelCNN, {"filters": 9}, "filters must be a multiple of 6, twice the channels"),
        (PixelRNN, {"recurrence": "column"}, "recurrence must be one of row, diagonal, received"),
        (
            PixelRNN,
            {"filters": 6, "likelihood": DiscretizedLogisticMixture()},
            "must be of single values",
        ),
        (PixelCNNPlusPlus, {"num_scales": 4}, "image_shape must have a height and width that 8"),
        (PixelCNNPlusPlus, {"dropout": 1.0}, "dropout must be at least 0 and less than 1"),
        (
            PixelCNNPlusPlus,
            {"num_scales": 1, "likelihood": DiscretizedLogisticMixture(4)},
            "likelihood must be of 256 levels and 3 channels",
        ),
        (PixelSNAIL, {"key_dim": 0}, "key_dim must be at least 1, received 0"),
    ],
    ids=range(7),
)
def test_bad_constructor_arguments(model_class, options, message):
    with pytest.raises(ValueError, match=message):
        model_class((4, 4, 3), **options)
