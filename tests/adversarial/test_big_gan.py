"""BigGAN: where latents and labels go, truncation, standing statistics, orthogonality."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import BigGAN, Hinge, random
from keras_gen.adversarial.layers.orthogonal_regularization import non_orthogonality
from keras_gen.adversarial.layers.spectral_normalization import SpectralNorm
from keras_gen.layers.conditional_batch_normalization import ConditionalBatchNormalization
from keras_gen.layers.self_attention import SelfAttention
from keras_gen.random import Noise

IMAGES = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), dtype=np.uint8)
LABELS = np.arange(32) % 3
SMALL = {"filters": 4, "latent_dim": 6, "embedding_dim": 5, "num_classes": 3, "seed": 0}


def small(image_shape=(8, 8, 1), **options):
    keras.utils.set_random_seed(0)
    return BigGAN(image_shape, **(SMALL | options))


def perturbed(**options):
    """A model whose weights have left their start; their averages have not."""
    model = small(discriminator_steps=1, **options)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + rng.standard_normal(weight.shape))
    return model


@pytest.fixture(scope="module")
def trained():
    model = perturbed()
    model.compile()
    model.fit(IMAGES, LABELS, batch_size=8, epochs=5, verbose=0)
    return model


@pytest.mark.parametrize(
    ("image_shape", "options"),
    [
        ((9, 11, 3), {"latent_dim": 4}),
        ((28, 28, 1), {"num_classes": None}),
        ((32, 32, 3), {"latent_dim": 8, "attention": None}),
        ((64, 48, 1), {"latent_dim": 8, "attention": 2}),
    ],
    ids=str,
)
def test_every_size(image_shape, options):
    model = small(image_shape, **({"filters": 2} | options))
    conditions = {} if model.num_classes is None else {"labels": [0, 2]}
    images = model.sample(2, seed=0, **conditions)
    assert images.shape == (2, *image_shape)
    conditions = {name: tf.constant(value) for name, value in conditions.items()}
    assert model.discriminate(model.format.to_unit(images), conditions, False).shape == (2,)


def test_the_papers_choices():
    model = small((32, 32, 1), latent_dim=8)
    assert model.adversarial_loss == Hinge()
    assert model.conditioning == "projection"
    assert model.average_decay == 0.999
    assert small(num_classes=None).conditioning == "concatenation"
    for network in (model.generator, model.discriminator):
        (attention,) = (x for x in network.layers if isinstance(x, SelfAttention))
        assert attention.output.shape[1:3] == (16, 16)
    # All kernels of both networks but the embedding's.
    matrices = [w for w in model.trainable_weights if len(w.shape) > 1]
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, SpectralNorm)]
    assert len(norms) == len(matrices) - 1


def test_start_is_orthogonal():
    for weight in small().trainable_weights:
        if len(weight.shape) > 1:
            matrix = np.array(weight).reshape(-1, weight.shape[-1])
            np.testing.assert_allclose(np.linalg.svd(matrix, compute_uv=False), 1.0, rtol=1e-4)


def test_each_chunk_of_the_latents_reaches_its_block():
    model = small((16, 16, 1), latent_dim=6)  # two blocks, chunks of two
    generator = model.generator
    norms = [x for x in generator.layers if isinstance(x, ConditionalBatchNormalization)]
    conditions = keras.Model(generator.input, [norm.input[1] for norm in norms])
    start = keras.Model(generator.input, generator.get_layer("start").output)
    rng = np.random.default_rng(0)
    z = tf.constant(rng.standard_normal((1, 9)), tf.float32)

    def reaches(network, index=None):
        """Whether each of the latents' three chunks, and the label, has a gradient."""
        with tf.GradientTape() as tape:
            tape.watch(z)
            output = network(z) if index is None else network(z)[index]
            value = tf.reduce_sum(output * rng.standard_normal(output.shape))
        sizes = np.abs(tape.gradient(value, z)[0])
        return [sizes[part].min() > 0 for part in np.split(np.arange(9), [2, 4, 6])]

    assert reaches(start) == [True, False, False, False]
    # Each block has two normalisations.
    for i in range(4):
        assert reaches(conditions, i) == [False, i < 2, i >= 2, True]
    assert reaches(generator) == [True] * 4


def test_truncation_of_zero_gives_one_picture_a_class(trained):
    pictures = trained.sample(9, labels=[0, 1, 2] * 3, truncation=0.0, seed=0)
    np.testing.assert_array_equal(pictures, np.tile(pictures[:3], (3, 1, 1, 1)))
    assert all((pictures[i] != pictures[j]).any() for i, j in ((0, 1), (0, 2), (1, 2)))
    usual = trained.sample(9, labels=0, seed=0)
    assert (usual != usual[:1]).any()


def test_effective_kernels_have_norms_of_one_after_a_few_steps(trained):
    norms = [layer for layer in trained._flatten_layers() if isinstance(layer, SpectralNorm)]
    for norm in norms:
        kernel = norm.normalized().numpy()
        largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
        assert largest == pytest.approx(1.0, abs=0.02)


def test_samples_are_those_of_the_average(trained):
    averaged = small(average_decay=None)
    for weight, own in zip(trained.generator.weights, averaged.generator.weights, strict=True):
        own.assign(weight)
    assert (averaged.sample(4, labels=1, seed=0) != trained.sample(4, labels=1, seed=0)).any()
    with trained.reading_averages():
        values = [tf.identity(weight.value) for weight in trained.generator.weights]
    for value, own in zip(values, averaged.generator.weights, strict=True):
        own.assign(value)
    samples = trained.sample(4, labels=1, seed=0)
    np.testing.assert_array_equal(averaged.sample(4, labels=1, seed=0), samples)


# ---- standing statistics -------------------------------------------------------------------------


def batch_of(model, batch, seed=5, size=16):
    noise = Noise(random.spread(seed, size, stream=batch))
    labels = tf.cast(noise.uniform((), 16) * 3.0, tf.int32)
    return noise.normal((model.latent_dim,)), {"labels": labels}


@pytest.mark.parametrize("average_decay", [None, 0.9])
def test_statistics_of_one_batch_are_its_own(average_decay):
    model = perturbed(average_decay=average_decay)
    latents, conditions = batch_of(model, 0)

    def generated(training):
        with model.reading_averages():
            return model.from_latents(latents, conditions, training).numpy()

    before = generated(False)
    model.gather_statistics(num_batches=1, batch_size=16, seed=5)
    moments = generated(False)
    assert np.abs(before - moments).max() > 0.01
    np.testing.assert_allclose(moments, generated(True), rtol=1e-3, atol=1e-4)


def test_statistics_are_means_over_batches():
    model = perturbed()
    before = model.get_weights()
    first = next(x for x in model.generator.layers if isinstance(x, ConditionalBatchNormalization))
    network = keras.Model(model.generator.input, first.input[0])
    model.gather_statistics(num_batches=3, batch_size=16, seed=5)
    with model.reading_averages():
        of_batches = []
        for batch in range(3):
            latents, conditions = batch_of(model, batch)
            inputs = tf.concat([latents, tf.one_hot(conditions["labels"], 3)], axis=1)
            of_batches.append(network(inputs).numpy())
        gathered = [
            tf.identity(moment.value).numpy()
            for moment in (first.normalization.moving_mean, first.normalization.moving_variance)
        ]
    expected = np.mean([x.mean(axis=(0, 1, 2)) for x in of_batches], axis=0)
    np.testing.assert_allclose(gathered[0], expected, rtol=1e-4, atol=1e-5)
    expected = np.mean([x.var(axis=(0, 1, 2)) for x in of_batches], axis=0)
    np.testing.assert_allclose(gathered[1], expected, rtol=1e-4, atol=1e-5)
    # What learns is as it was, with the moments that go with it.
    changed = {
        weight.name
        for weight, old in zip(model.weights, before, strict=True)
        if (np.array(weight) != old).any()
    }
    assert changed == {"moving_mean_average", "moving_variance_average"}
    assert first.normalization.momentum == 0.9


def test_statistics_under_a_strategy(two_replicas):
    models = [perturbed()]
    with two_replicas.scope():
        models.append(perturbed())
    for model in models:
        model.gather_statistics(num_batches=2, batch_size=8, seed=0)
    for x, y in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


def test_statistics_without_labels():
    model = small(num_classes=None, average_decay=None)
    model.gather_statistics(num_batches=2, batch_size=4)
    assert model.sample(2, seed=0).shape == (2, 8, 8, 1)


# ---- orthogonality -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 4), (3, 3, 2, 6), (3, 7)], ids=str)
def test_non_orthogonality_is_that_of_the_paper(shape):
    kernel = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    matrix = kernel.reshape(-1, shape[-1])
    products = matrix.T @ matrix
    expected = np.sum((products * (1.0 - np.eye(len(products)))) ** 2)
    np.testing.assert_allclose(non_orthogonality([keras.Variable(kernel)]), expected, rtol=1e-4)


def test_orthogonal_kernels_are_due_nothing():
    kernel = keras.initializers.Orthogonal(seed=0)((3, 3, 2, 6))
    # Of any lengths: only angles count.
    value = non_orthogonality([keras.Variable(kernel * tf.range(1.0, 7.0))])
    assert float(value) == pytest.approx(0.0, abs=1e-6)


def test_orthogonality_is_a_term_of_the_generator():
    batch = tf.constant(IMAGES[:4]), {"labels": tf.constant(LABELS[:4])}
    of = {
        weight: small(orthogonal_weight=weight).objective(*batch, training=True)
        for weight in (0.0, 1e-4, 1.0)
    }
    assert "orthogonality" not in of[0.0]
    term = of[1.0]["orthogonality"]
    assert term.shape == (4,)
    assert float(term[0]) > 0.1
    np.testing.assert_allclose(of[1e-4]["orthogonality"], 1e-4 * term, rtol=1e-4)
    added = of[1.0]["generator_loss"] - of[0.0]["generator_loss"]
    np.testing.assert_allclose(added, term, rtol=1e-3)


def test_the_shared_embedding_need_not_be_orthogonal():
    model = small(orthogonal_weight=1.0)
    embedding = model.generator.get_layer("embedding").kernel
    with tf.GradientTape() as tape:
        batch = tf.constant(IMAGES[:4]), {"labels": tf.constant(LABELS[:4])}
        term = model.objective(*batch, training=True)["orthogonality"]
    kernel = model.generator.get_layer("start")._kernel.value
    gradients = tape.gradient(term, [embedding.value, kernel])
    assert gradients[0] is None
    assert np.abs(gradients[1]).max() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (4, 8, 1)}, r"image_shape must have sides of 8 to 128, received \(4, 8"),
        ({"latent_dim": 7}, "latent_dim must be a multiple of 2, a chunk for the start and for"),
        ({"attention": 2}, "attention must be"),
        ({"orthogonal_weight": -1.0}, "orthogonal_weight must be at least 0"),
        ({"adversarial_loss": "hinge"}, "adversarial_loss must be an object such as"),
        ({"num_classes": None, "conditioning": "projection"}, "conditioning must be 'concatenat"),
    ],
    ids=str,
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_bad_arguments_of_statistics():
    model = small()
    with pytest.raises(ValueError, match="num_batches must be at least 1, received 0"):
        model.gather_statistics(num_batches=0)
    with pytest.raises(ValueError, match=r"batch_size must be .* received 1"):
        model.gather_statistics(batch_size=1)
