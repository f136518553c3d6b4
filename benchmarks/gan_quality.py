"""How good GANs are: modes of mixtures that they cover, classes and distances of their pictures.

    python benchmarks/gan_quality.py gan --data points:ring --steps 10000
    python benchmarks/gan_quality.py gan --data points:grid --variants default packing_2
    python benchmarks/gan_quality.py dcgan --data tfds:mnist --data-dir DIR --minutes 20

Of a mixture, ten models that differ in their seed learn side by side in one graph, and each draws
2,500 points. Of pictures, one model learns for so many minutes, and 1,000 of its samples are judged
by the package's classifier of such pictures.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

import keras_gen
from keras_gen import data, metrics
from likelihood import Deadline, TimeOverError
from table import print_table

# What is varied from the default, one thing at a time.
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},  # non-saturating, R1 of weight 0.1, averages of the generator
    "without_averages": {"average_decay": None},
    "without_penalty": {"penalties": ()},
    "without_penalty_packing_2": {"penalties": (), "packing": 2},
    "without_penalty_packing_4": {"penalties": (), "packing": 4},
    "packing_2": {"packing": 2},
    "minimax": {"adversarial_loss": keras_gen.Minimax()},
    "least_squares": {"adversarial_loss": keras_gen.LeastSquares()},
    "hinge": {"adversarial_loss": keras_gen.Hinge()},
    "relativistic": {"adversarial_loss": keras_gen.RelativisticPaired()},
    "relativistic_r1_r2": {
        "adversarial_loss": keras_gen.RelativisticPaired(),
        "penalties": [keras_gen.R1(0.1), keras_gen.R2(0.1)],
    },
    "wgan_gp": {
        "adversarial_loss": keras_gen.Wasserstein(),
        "penalties": [keras_gen.GradientPenalty(1.0)],
    },
    "dragan": {"penalties": [keras_gen.DRAGAN(1.0)]},
    "uniform": {"latent_distribution": "uniform"},
    "two_steps": {"discriminator_steps": 2},
}
NUM_SAMPLES = 2500

# Of pictures of a shape, with so many classes where they are conditional.
PICTURES: dict[str, Callable[..., keras_gen.LatentGAN]] = {
    "dcgan": keras_gen.DCGAN,
    "dcgan_projection": lambda shape, **kwargs: keras_gen.DCGAN(
        shape, filters=32, conditioning="projection", **kwargs
    ),
    "dragan": lambda shape, **kwargs: keras_gen.DCGAN(
        shape, penalties=[keras_gen.DRAGAN()], **kwargs
    ),
    "wgan_gp": lambda shape, **kwargs: keras_gen.DCGAN(
        shape,
        adversarial_loss=keras_gen.Wasserstein(),
        penalties=[keras_gen.GradientPenalty()],
        discriminator_steps=5,
        **kwargs,
    ),
    "big_gan": lambda shape, **kwargs: keras_gen.BigGAN(shape, filters=16, **kwargs),
    "progressive_gan": lambda shape, **kwargs: keras_gen.ProgressiveGAN(
        shape, filters=16, latent_dim=64, stable_images=60_000, fade_images=60_000, **kwargs
    ),
    "style_gan": lambda shape, **kwargs: keras_gen.StyleGAN(
        shape, filters=16, latent_dim=64, **kwargs
    ),
}
NUM_PICTURES = 1000


def trained(
    mixture: data.Mixture, options: dict[str, Any], seeds: int, steps: int, batch_size: int
) -> list[keras_gen.GAN]:
    """Models of several seeds, trained in one graph."""
    models = [keras_gen.GAN(2, seed=seed, **options) for seed in range(seeds)]
    for model in models:
        model.compile()
    points = tf.constant(mixture.sample(100_000)[0])

    @tf.function(autograph=False)
    def learn(begin: tf.Tensor, end: tf.Tensor) -> None:
        def step(i: tf.Tensor) -> tf.Tensor:
            for seed, model in enumerate(models):
                places = tf.random.stateless_uniform(
                    [batch_size], [seed, i], 0, len(points), tf.int32
                )
                model.train_step(tf.gather(points, places))
            return i + 1

        tf.while_loop(lambda i: i < end, step, [begin], parallel_iterations=1)

    learn(tf.constant(0), tf.constant(steps))
    return models


def of_points(arguments: argparse.Namespace) -> None:
    """Modes that each variant of a GAN covers, by ten seeds."""
    mixture = data.MIXTURES[arguments.data.removeprefix("points:")]
    rows = []
    for name in arguments.variants:
        models = trained(
            mixture, VARIANTS[name], arguments.seeds, arguments.steps, arguments.batch_size
        )
        scores = [
            metrics.mode_coverage(model.sample(NUM_SAMPLES, seed=0), *mixture) for model in models
        ]
        modes, shares = map(np.array, zip(*scores, strict=True))
        rows.append(
            [
                name,
                f"{modes.mean():.1f}",
                " ".join(map(str, modes)),
                f"{shares.mean():.0%}",
                f"{shares.min():.0%}",
            ]
        )
        print("measured", *rows[-1], flush=True)
    print_table(
        f"{arguments.data}, {len(mixture.centres)} modes; {arguments.steps} steps of "
        f"{arguments.batch_size} points, {arguments.seeds} seeds, {NUM_SAMPLES} samples of each",
        ["variant", "modes", "of each seed", "near a mode", "least"],
        rows,
    )


def of_pictures(arguments: argparse.Namespace) -> None:
    """What a classifier says of the samples of a model that learned for some minutes."""
    options = {"data_dir": arguments.data_dir, "seed": 0}
    train, labels, description = data.load_arrays(arguments.data, "train", **options)
    test, test_labels, _ = data.load_arrays(arguments.data, "test", **options)
    num_classes = description.num_classes if arguments.conditional else None
    model = PICTURES[arguments.model](
        description.format.image_shape, seed=0, num_classes=num_classes
    )
    model.compile()
    deadline = Deadline(60.0 * arguments.minutes)
    with contextlib.suppress(TimeOverError):
        model.fit(
            train,
            labels,
            batch_size=arguments.batch_size,
            epochs=10_000,
            verbose=0,
            callbacks=[deadline],
        )
    if isinstance(model, keras_gen.BigGAN):
        model.gather_statistics()
    asked = test_labels[:NUM_PICTURES] if arguments.conditional else None
    samples = model.sample(NUM_PICTURES, labels=asked, seed=0)
    figures = metrics.classifier_figures(
        samples,
        test,
        metrics.classifier(arguments.data.removeprefix("tfds:")),
        labels=asked,
        train=train,
    )
    print_table(
        f"{arguments.model} on {arguments.data}: {arguments.minutes:g} minutes, "
        f"{deadline.batches} steps of {arguments.batch_size}",
        ["measure", "value", "unit"],
        [[name, f"{value:.4f}", unit] for name, (value, unit) in figures.items()],
    )
    if arguments.output:
        model.format.write(samples[:64], arguments.output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=["gan", *PICTURES])
    parser.add_argument(
        "--data",
        choices=["points:ring", "points:grid", "tfds:mnist", "tfds:fashion_mnist"],
        required=True,
    )
    parser.add_argument("--batch-size", type=int, default=120)
    of_gan = parser.add_argument_group("of points")
    of_gan.add_argument("--variants", nargs="+", choices=[*VARIANTS], default=[*VARIANTS])
    of_gan.add_argument("--steps", type=int, default=10_000)
    of_gan.add_argument("--seeds", type=int, default=10)
    of_others = parser.add_argument_group("of pictures")
    of_others.add_argument("--data-dir", help="where TFDS has prepared them")
    of_others.add_argument("--minutes", type=float, default=20.0)
    of_others.add_argument("--conditional", action="store_true", help="on the labels")
    of_others.add_argument("--output", help="a picture of samples to write")
    arguments = parser.parse_args()
    if (arguments.model == "gan") != arguments.data.startswith("points:"):
        parser.error("gan is of points, all others are of pictures")
    (of_points if arguments.model == "gan" else of_pictures)(arguments)


if __name__ == "__main__":
    main()
