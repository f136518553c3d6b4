"""Every model of pictures in raster order: a distribution, causal, and the same when cached."""

import functools

import keras
import numpy as np
import pytest
from brute_force import (
    all_images,
    check_fixed_batch_graphs,
    influence,
    naive_sample,
    perturbed,
    step_through,
)

from keras_gen.autoregressive.gated_pixel_cnn import GatedPixelCNN
from keras_gen.autoregressive.pixel_cnn import PixelCNN
from keras_gen.autoregressive.pixel_cnn_plus_plus import PixelCNNPlusPlus
from keras_gen.autoregressive.pixel_rnn import PixelRNN
from keras_gen.autoregressive.pixel_snail import PixelSNAIL
from keras_gen.formats import Codes, Images
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


def build(name, image_shape, levels, **options):
    keras.utils.set_random_seed(0)
    model_class, of_model = MODELS[name]
    model = model_class(image_shape, levels=levels, seed=0, **(of_model | options))
    return perturbed(model, scale=0.3)


# No test changes these models, so that tests share their graphs.


@functools.cache
def tiny(name):
    """Of so few pixels that all images can be listed."""
    return build(name, (2, 4, 1), 2)


@functools.cache
def coloured(name):
    """Of three channels, given labels."""
    return build(name, (4, 4, 3), 4, num_classes=3)


@functools.cache
def of_codes(name):
    """Of codes, more of them than a byte holds, given labels and a source."""
    source = Images((1, 2, 1), 4)
    return build(name, (2, 4, 3), 300, codes=True, source=source, num_classes=3)


RNG = np.random.default_rng(0)
LABELS = np.array([0, 1, 2, 0, 1], np.int32)
SOURCE = RNG.integers(0, 4, (5, 1, 2, 1), dtype=np.uint8)
GIVEN = {"labels": LABELS, "source": SOURCE}
IMAGES = RNG.integers(0, 4, (5, 4, 4, 3), dtype=np.uint8)
CODES = RNG.integers(0, 300, (5, 2, 4, 3), dtype=np.int32)


class TestProbabilities:
    @pytest.mark.parametrize(
        ("model_of", "conditions"),
        [
            (tiny, {}),
            (lambda name: build(name, (2, 2, 2), 2, num_classes=2), {"labels": 1}),
            (
                lambda name: build(name, (2, 2, 1), 3, codes=True, source=Codes((2, 1, 1), 5)),
                {"source": np.array([[[4]], [[2]]], np.int32)},
            ),
        ],
        ids=["binary", "channels and labels", "codes with a source"],
    )
    def test_of_all_images_sum_to_one(self, name, model_of, conditions):
        model = model_of(name)
        log_probs = model.log_prob(all_images(model), **conditions)
        assert np.exp(log_probs).sum() == pytest.approx(1.0, abs=1e-5)
        assert log_probs.std() > 0.1

    def test_of_values_sum_to_the_whole(self, name):
        model = coloured(name)
        each = model.log_prob(IMAGES, LABELS, per_dimension=True)
        assert each.shape == IMAGES.shape
        assert (each <= 0).all()
        np.testing.assert_allclose(
            each.sum(axis=(1, 2, 3)), model.log_prob(IMAGES, LABELS), rtol=1e-5
        )

    def test_depend_on_labels(self, name):
        model = coloured(name)
        assert np.abs(model.log_prob(IMAGES, 0) - model.log_prob(IMAGES, 1)).min() > 1e-3

    def test_depend_on_the_source_from_the_first_value_on(self, name):
        black, white = (
            of_codes(name).log_prob(
                CODES, 0, source=np.full((1, 2, 1), level, np.uint8), per_dimension=True
            )
            for level in (0, 3)
        )
        assert (np.abs(black - white).max(axis=0) > 1e-3).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_strictly_causal_and_reaches_what_it_should(name, channels):
    model = coloured(name) if channels == 3 else build(name, (4, 4, 1), 4)
    conditions = {"labels": np.arange(16) % 3} if channels == 3 else {}
    order = np.arange(16 * channels).reshape(4, 4, channels)
    axes = (4, 4, channels) if name in BY_CHANNEL else (4, 4)
    places = list(np.ndindex(*axes))
    for at, seen in zip(places, influence(model, places, conditions), strict=True):
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
    (seen,) = influence(build("pixel_cnn", (4, 8, 1), 4), [(3, 1, 0)])
    np.testing.assert_array_equal(seen[2, :, 0], [True] * 3 + [False] * 5)
    np.testing.assert_array_equal(seen[1, :, 0], [True] * 4 + [False] * 4)
    # A Row LSTM likewise, as far up as there are rows.
    (seen,) = influence(build("row_lstm", (4, 8, 1), 4, num_blocks=1), [(3, 1, 0)])
    np.testing.assert_array_equal(seen[2, :, 0], [True] * 3 + [False] * 5)
    np.testing.assert_array_equal(seen[0, :, 0], [True] * 5 + [False] * 3)


class TestSampling:
    @pytest.mark.parametrize(
        ("model_of", "conditions", "temperature"),
        [
            (tiny, {}, 1.0),
            (coloured, {"labels": LABELS}, 0.7),
            (of_codes, GIVEN, 1.0),
        ],
        ids=["binary", "colours with labels", "codes with a source"],
    )
    def test_with_caches_equals_the_naive_loop(self, name, model_of, conditions, temperature):
        model = model_of(name)
        cached = model.sample(5, seed=5, temperature=temperature, **conditions)
        naive = naive_sample(model, 5, 5, conditions, temperature)
        assert cached.dtype == model.format.dtype
        np.testing.assert_array_equal(cached, naive)
        assert len(np.unique(cached)) > 1

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("gated_pixel_cnn", {"kernel_size": 5, "head_filters": 6}),
            ("gated_pixel_cnn", {"num_blocks": 0, "likelihood": Categorical(2)}),
            ("pixel_cnn", {"kernel_size": 5, "first_kernel_size": 7, "head_filters": 6}),
            ("pixel_cnn", {"num_blocks": 0}),
            ("pixel_cnn_plus_plus", {"num_scales": 3}),
            ("pixel_cnn_plus_plus", {"likelihood": DiscretizedLogisticMixture(2, 1, 2)}),
            ("pixel_snail", {"likelihood": Categorical(2)}),
        ],
        ids=lambda value: value if isinstance(value, str) else ",".join(value),
    )
    def test_with_options_equals_the_naive_loop(self, name, options):
        model = build(name, (4, 4, 1), 2, **options)
        np.testing.assert_array_equal(model.sample(3, seed=5), naive_sample(model, 3, 5))

    def test_follows_the_distribution(self, name):
        model, num = tiny(name), 20_000
        probabilities = np.exp(model.log_prob(all_images(model)))
        numbers = model.sample(num, seed=0).reshape(num, 8) @ 2 ** np.arange(8)[::-1]
        observed = np.bincount(numbers, minlength=256) / num
        # A bound for each image: most of them are rare.
        deviation = np.sqrt(probabilities * (1 - probabilities) / num + 1 / num**2)
        assert (np.abs(observed - probabilities) < 5 * deviation).all()

    def test_graphs_of_one_example_sample_the_same(self, name):
        conditions = {given: value[:1] for given, value in GIVEN.items()}
        check_fixed_batch_graphs(of_codes(name), 1, conditions)

    def test_step_through_gives_the_terms_of_the_likelihood(self, name):
        model = of_codes(name)
        chosen, total = step_through(model, CODES, GIVEN)
        np.testing.assert_array_equal(chosen, CODES)
        np.testing.assert_allclose(total, model.log_prob(CODES, **GIVEN), rtol=1e-5)


class TestComplete:
    def test_what_is_known_stays(self, name):
        model = of_codes(name)

        def complete(x, mask):
            return model.complete(x, mask, seed=5, **GIVEN)

        everything = np.ones((2, 4, 3), bool)
        np.testing.assert_array_equal(complete(CODES, everything), CODES)
        drawn = complete(CODES, ~everything)
        np.testing.assert_array_equal(drawn, complete(CODES[::-1], ~everything))
        # The noise is another than that of samples.
        assert (drawn != model.sample(5, seed=5, **GIVEN)).any()
        mask = np.random.default_rng(1).random(CODES.shape) < 0.5
        completed = complete(CODES, mask)
        np.testing.assert_array_equal(completed[mask], CODES[mask])
        assert (completed[~mask] != CODES[~mask]).any()
        # The same noise after the same values draws the same.
        np.testing.assert_array_equal(complete(drawn, mask), drawn)

    @pytest.mark.parametrize("name", ["gated_pixel_cnn", "one scale", "pixel_snail"])
    def test_follows_the_distribution_after_parts_of_a_pixel(self, name):
        whole = name in ("one scale", "pixel_snail")
        mixture = {"likelihood": DiscretizedLogisticMixture(2, 3, 3)} if whole else {}
        model, num = build(name, (1, 2, 3), 2, **mixture), 20_000
        mask = np.array([[[True, False, True], [False, True, False]]])
        x = np.zeros((num, 1, 2, 3), np.uint8)
        x[..., 0, 0], x[..., 1, 1] = 1, 1
        images = all_images(model)
        log_conditionals = model._log_conditionals(images, {}).numpy()
        expected = np.exp((log_conditionals * ~mask).sum(axis=(1, 2, 3)))
        expected *= ((images == x[0]) | ~mask).all(axis=(1, 2, 3))
        numbers = model.complete(x, mask, seed=0).reshape(num, 6) @ 2 ** np.arange(6)[::-1]
        observed = np.bincount(numbers, minlength=64) / num
        deviation = np.sqrt(expected * (1 - expected) / num + 1 / num**2)
        assert (np.abs(observed - expected) < 5 * deviation).all()

    def test_what_follows_depends_on_what_is_known(self):
        model = of_codes("gated_pixel_cnn")
        mask = np.zeros((2, 4, 3), bool)
        mask[0] = True
        a, b = (
            model.complete(np.full_like(CODES, code), mask, seed=0, **GIVEN)[:, 1:]
            for code in (0, 299)
        )
        assert (a != b).any()

    @pytest.mark.parametrize(
        ("images", "mask", "message"),
        [
            (IMAGES, np.ones((4, 4), bool), r"mask must have shape \[5, 4, 4, 3\] or \[4, 4, 3\]"),
            (IMAGES, np.ones((4, 4, 3)), "mask must be bool, received dtype float64"),
            (IMAGES + 4, np.ones((4, 4, 3), bool), r"x must be .*\[0, 3\]"),
            (IMAGES / 4, np.ones((4, 4, 3), bool), "x must be integers"),
            (IMAGES[:, :2], np.ones((4, 4, 3), bool), r"x must have shape \[n, 4, 4, 3\]"),
        ],
        ids=["shape", "kind", "range", "floats", "images"],
    )
    def test_bad_arguments(self, images, mask, message):
        with pytest.raises(ValueError, match=message):
            coloured("pixel_cnn").complete(images, mask, 0)


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
        (PixelSNAIL, {"source": (4, 4, 1)}, "source must be Images or Codes, received"),
        (PixelSNAIL, {"source": Images((3, 4, 1))}, "source must have sides that divide"),
    ],
    ids=range(9),
)
def test_bad_constructor_arguments(model_class, options, message):
    with pytest.raises(ValueError, match=message):
        model_class((4, 4, 3), **options)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["tf_saved_model", "onnx"])
def test_several_scales_export(format, tmp_path):
    model = build("pixel_cnn_plus_plus", (4, 4, 3), 4, num_classes=3)
    manifest = model.export(tmp_path / "a", format=format, verbose=False)
    assert set(manifest["verification"]) == set(model.signatures())
