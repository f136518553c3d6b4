"""Losses of the game: closed forms, stability, who is pulled, and the optimal discriminator."""

import numpy as np
import pytest
import tensorflow as tf

from keras_gen import (
    GAN,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    RelativisticPaired,
    Wasserstein,
)

LOGITS = np.array([-3.0, -0.2, 0.0, 1.5], np.float32)
LOSSES = [Minimax, NonSaturating, LeastSquares, Hinge, Wasserstein, RelativisticPaired]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cross_entropy(real, fake):
    return -np.log(sigmoid(real)) - np.log(1 - sigmoid(fake))


CLOSED_FORMS = {
    Minimax: (cross_entropy, lambda real, fake: np.log(1 - sigmoid(fake))),
    NonSaturating: (cross_entropy, lambda real, fake: -np.log(sigmoid(fake))),
    LeastSquares: (
        lambda real, fake: (real - 1) ** 2 / 2 + fake**2 / 2,
        lambda real, fake: (fake - 1) ** 2 / 2,
    ),
    Hinge: (
        lambda real, fake: np.maximum(0, 1 - real) + np.maximum(0, 1 + fake),
        lambda real, fake: -fake,
    ),
    Wasserstein: (lambda real, fake: fake - real, lambda real, fake: -fake),
    RelativisticPaired: (
        lambda real, fake: -np.log(sigmoid(real - fake)),
        lambda real, fake: -np.log(sigmoid(fake - real)),
    ),
}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_closed_forms(loss):
    real, fake = LOGITS, LOGITS[::-1].copy()
    for player, expected in zip(("discriminator", "generator"), CLOSED_FORMS[loss], strict=True):
        given = getattr(loss(), player)(tf.constant(real), tf.constant(fake))
        np.testing.assert_allclose(given, expected(real, fake), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("size", [-1000.0, 1000.0])
def test_stable_at_large_logits(loss, size):
    real, fake = tf.constant([size, -size]), tf.constant([size, size])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        losses = [loss().discriminator(real, fake), loss().generator(real, fake)]
    assert all(np.isfinite(each).all() for each in losses)
    for each in losses:
        gradients = tape.gradient(each, [real, fake])
        assert all(np.isfinite(gradient).all() for gradient in gradients if gradient is not None)


def test_where_the_discriminator_is_sure_minimax_has_no_pull():
    fake = tf.constant(LOGITS)
    gradients = []
    for loss in (Minimax(), NonSaturating()):
        with tf.GradientTape() as tape:
            tape.watch(fake)
            generator_loss = loss.generator(None, fake)
        gradients.append(tape.gradient(generator_loss, fake).numpy())
    assert all((gradient < 0).all() for gradient in gradients)
    assert abs(gradients[0][0]) < 0.1 < 0.9 < abs(gradients[1][0])


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_told_apart(loss):
    # Outputs far above and far below any threshold, and any other output.
    real, fake = tf.constant([9.0, -9.0]), tf.constant([-8.0, 8.0])
    for right in loss().told_apart(real, fake):
        np.testing.assert_array_equal(right, [True, False])


def test_the_optimal_discriminator():
    """Against a generator that stands still, D(x) becomes p(x) / (p(x) + q(x))."""
    rng = np.random.default_rng(0)
    model = GAN(1, latent_dim=1, units=(64, 64), penalties=(), average_decay=None, seed=0)
    # q: normal of mean -1 and deviation 1, the latent moved; p: mean 0.5, deviation 0.8.
    model.generator = lambda z, training=False: z - 1.0
    data = (0.5 + 0.8 * rng.standard_normal((40_000, 1))).astype(np.float32)
    model.generator_weights = lambda: []
    model.compile()
    model.optimizer.discriminator.learning_rate = 2e-3
    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        model.fit(data, batch_size=1000, epochs=6, verbose=0)

    def density(x, mean, deviation):
        return np.exp(-0.5 * ((x - mean) / deviation) ** 2) / deviation

    x = np.linspace(-2.0, 1.5, 50, dtype=np.float32)[:, None]
    p, q = density(x, 0.5, 0.8), density(x, -1.0, 1.0)
    np.testing.assert_allclose(model.probability_of_real(x), (p / (p + q))[:, 0], atol=0.06)
