"""Figures in the features of any Keras model, which names them; classes that samples are of."""

import keras
import numpy as np
import pytest

from keras_gen import metrics

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (200, 4, 4, 1), dtype=np.uint8)
DARKER = PICTURES // 2


def network(*layers, dtype="uint8", name="eyes"):
    return keras.Sequential([keras.Input((4, 4, 1), dtype=dtype), *layers], name=name)


def flat():
    return network(keras.layers.Rescaling(1 / 255), keras.layers.Flatten())


def test_features_are_those_of_inference_in_any_batch():
    extractor = network(
        keras.layers.Rescaling(1 / 255),
        keras.layers.Dropout(0.5),
        keras.layers.Conv2D(3, 3),  # an output that is no vector
        keras.layers.BatchNormalization(),
    )
    alone = metrics.features(PICTURES[:7], extractor, batch_size=1)
    assert alone.shape == (7, 12)
    assert alone.dtype == np.float32
    together = metrics.features(PICTURES[:7], extractor, batch_size=5)
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_distances_name_their_extractor():
    distances = metrics.FeatureDistances(PICTURES, flat())
    x, y = (z.reshape(len(z), -1) / 255 for z in (DARKER, PICTURES))
    kernel = metrics.kernel_distance(x, y)
    figures = distances(DARKER)
    assert {name: unit for name, (_, unit) in figures.items()} == {
        "eyes_frechet_distance": "in features of eyes",
        "eyes_kernel_distance": "in features of eyes",
        "eyes_kernel_distance_error": "standard error",
    }
    values = [value for value, _ in figures.values()]
    np.testing.assert_allclose(values, [metrics.frechet_distance(x, y), *kernel], rtol=1e-4)
    assert "ears_kernel_distance" in metrics.FeatureDistances(PICTURES, flat(), "ears")(DARKER)


def test_the_floor_is_of_as_many_real_examples_as_samples():
    train = RNG.integers(0, 256, (400, 4, 4, 1), dtype=np.uint8)
    distances = metrics.FeatureDistances(PICTURES, flat())
    few, many = (distances.floor(train, num) for num in (40, 400))
    # Fewer examples are farther, by Fréchet's measure alone.
    name = "eyes_frechet_distance_floor"
    assert few[name][0] > 2 * many[name][0]
    value, error = (few[f"eyes_kernel_distance{end}_floor"][0] for end in ("", "_error"))
    assert abs(value) < 3 * error
    assert distances(DARKER)["eyes_kernel_distance"][0] > 10 * abs(value)
    with pytest.raises(ValueError, match="train must be at least 500 examples"):
        distances.floor(train, 500)


def test_what_an_extractor_does_not_take_is_refused():
    distances = metrics.FeatureDistances(PICTURES, flat())
    with pytest.raises(ValueError, match=r"examples must be uint8 \[None, 4, 4, 1\], which eyes"):
        distances(PICTURES[:, :3])
    with pytest.raises(ValueError, match="received float64"):
        distances(PICTURES / 127.5 - 1.0)  # Keras would cut them down to 0
    with pytest.raises(ValueError, match="at least one, received none"):
        distances(PICTURES[:0])
    plain = network(keras.layers.Flatten(), dtype="float32")
    kernel = metrics.FeatureDistances(PICTURES / 255, plain)(DARKER / 255)["eyes_kernel_distance"]
    assert kernel[0] == pytest.approx(distances(DARKER)["eyes_kernel_distance"][0], rel=1e-3)


# ---- classes -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def by_brightness():
    """Of four classes, which are the first pixel."""
    return network(
        keras.layers.Cropping2D(((0, 3), (0, 3))),
        keras.layers.Flatten(),
        keras.layers.CategoryEncoding(4, "one_hot", dtype="float32"),
        name="brightness",
    )


def of_classes(labels):
    return np.broadcast_to(np.array(labels, np.uint8)[:, None, None, None], (len(labels), 4, 4, 1))


@pytest.mark.parametrize(
    ("labels", "counts", "entropy"),
    [
        ([0, 1, 2, 3] * 5, [5, 5, 5, 5], np.log(4)),
        ([1] * 6, [0, 6, 0, 0], 0.0),
        ([0, 0, 0, 2], [3, 0, 1, 0], -0.75 * np.log(0.75) - 0.25 * np.log(0.25)),
    ],
)
def test_histograms(labels, counts, entropy, by_brightness):
    found = metrics.class_histogram(of_classes(labels), by_brightness)
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_allclose(found.shares, np.array(counts) / len(labels))
    assert found.entropy == pytest.approx(entropy, abs=1e-12)
    figures = metrics.class_statistics(of_classes(labels), by_brightness)
    assert figures == {"brightness_class_entropy": (found.entropy, "nats of at most 1.386")}


def test_the_share_as_asked(by_brightness):
    samples = of_classes([0, 1, 2, 3])
    asked = np.array([0, 1, 2, 1])
    assert metrics.share_as_asked(samples, asked, by_brightness) == 0.75
    figures = metrics.class_statistics(samples, by_brightness, asked)
    assert figures["brightness_share_as_asked"] == (0.75, "of 1")
    with pytest.raises(ValueError, match=r"labels must be one for each of 4 samples"):
        metrics.share_as_asked(samples, asked[:, None], by_brightness)
