"""Training images a second of a DCGAN's `fit`, beside a plain loop over the same networks.

    python benchmarks/gan_speed.py --side 64 --filters 32

The loop is what one writes by hand: a `tf.function` with two gradient tapes, two Adams, and
TensorFlow's own noise. Both are measured in turn, in one run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

import keras_gen
from table import print_table


def plain_step(model: keras_gen.DCGAN) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """A step of the game by hand, over a model's networks."""
    g_optimizer, d_optimizer = (keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2))
    generator, discriminator, judgement = model.generator, model.discriminator, model.judgement
    d_weights = discriminator.trainable_variables + judgement.trainable_variables

    def judge(images: tf.Tensor) -> tf.Tensor:
        return judgement(discriminator(images, training=True))

    @tf.function
    def step(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        real = tf.cast(images, tf.float32) / 127.5 - 1.0
        z = tf.random.normal([len(images), model.latent_dim])
        with tf.GradientTape() as tape:
            fake = generator(z, training=True)
            d_loss = tf.reduce_mean(tf.nn.softplus(-judge(real)) + tf.nn.softplus(judge(fake)))
        d_optimizer.apply(tape.gradient(d_loss, d_weights), d_weights)
        z = tf.random.normal([len(images), model.latent_dim])
        with tf.GradientTape() as tape:
            g_loss = tf.reduce_mean(tf.nn.softplus(-judge(generator(z, training=True))))
        weights = generator.trainable_variables
        g_optimizer.apply(tape.gradient(g_loss, weights), weights)
        return d_loss, g_loss

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=5, help="in each of the windows")
    parser.add_argument("--windows", type=int, default=7)
    arguments = parser.parse_args()

    side, batch, steps = arguments.side, arguments.batch_size, arguments.steps
    model, twin = (
        keras_gen.DCGAN((side, side, 3), filters=arguments.filters, seed=0) for _ in range(2)
    )
    model.compile()
    images = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), dtype=np.uint8)
    dataset = tf.data.Dataset.from_tensors(tf.constant(images)).repeat(steps)
    by_hand = plain_step(twin)

    def fit() -> None:
        model.fit(dataset, verbose=0, shuffle=False)

    def loop() -> None:
        for batch_of_images in dataset:
            losses = by_hand(batch_of_images)
        np.asarray(losses[0])

    ways = {"fit": fit, "plain loop": loop}
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for run in ways.values():
        run()
    for _ in range(arguments.windows):
        for name, run in ways.items():
            begin = time.perf_counter()
            run()
            speeds[name].append(steps * batch / (time.perf_counter() - begin))
    # Of windows beside each other: the machine's own pace falls out.
    cost = np.median(np.array(speeds["plain loop"]) / np.array(speeds["fit"])) - 1.0
    print_table(
        f"DCGAN {side}x{side}x3, {arguments.filters} filters, {model.count_params():,} parameters, "
        f"batch {batch}; median of {arguments.windows} windows of {steps} steps in turn",
        ["how", "images/s", "range"],
        [
            [name, f"{np.median(each):.1f}", f"{min(each):.1f}-{max(each):.1f}"]
            for name, each in speeds.items()
        ],
    )
    print(f"fit takes {cost:+.1%} more time than the plain loop")


if __name__ == "__main__":
    main()
