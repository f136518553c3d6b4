"""Training speed: images a second, and the share of the machine's convolution ceiling.

    python benchmarks/training.py gated_pixel_cnn
    python benchmarks/training.py vae dcgan --jit
    python benchmarks/training.py pixel_cnn --operations       # where a step's time goes

The ceiling is measured in the same run, in turn with the model: forward and backward of one 3x3
convolution of 64 filters over 28x28, batch 64, in floating-point operations a second.
"""

from __future__ import annotations

import argparse
import collections
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import DCGAN, VAE, GatedPixelCNN, Model, PixelCNN, PixelCNNPlusPlus, PixelSNAIL
from keras_gen.adversarial import AdversarialModel
from keras_gen.likelihoods import DiscretizedLogisticMixture
from table import print_table

# GatedPixelCNN: 7x7 first layer, 6 gated layers of 3x3, 48 channels, head of 32.
# PixelCNNPlusPlus: 1 block at each of 2 resolutions, 32 filters, 5 logistics of 256 levels.
# PixelSNAIL: 4 blocks of 2 residual convolutions, 32 filters, keys of 4, values of 16.
# PixelCNN: 7x7 first layer, 6 residual blocks of 128-64-128 channels, head of 32.
MODELS: dict[str, Callable[[], Model]] = {
    "gated_pixel_cnn": lambda: GatedPixelCNN(
        (28, 28, 1), levels=2, filters=48, num_blocks=6, head_filters=32
    ),
    "pixel_cnn": lambda: PixelCNN((28, 28, 1), levels=2, filters=128, head_filters=32),
    "pixel_cnn_plus_plus": lambda: PixelCNNPlusPlus(
        (28, 28, 1),
        num_scales=2,
        likelihood=DiscretizedLogisticMixture(256, channels=1, num_components=5),
    ),
    "pixel_snail": lambda: PixelSNAIL((28, 28, 1), levels=2, key_dim=4, value_dim=16),
    "vae": lambda: VAE((28, 28, 1), levels=2),
    "dcgan": lambda: DCGAN((28, 28, 1), levels=2),
}
BATCH = 64


def ceiling_step() -> tuple[Callable[[], Any], int]:
    """A convolution's forward and backward pass, and its floating-point operations."""
    x = tf.random.normal([64, 28, 28, 64])
    kernel = tf.random.normal([3, 3, 64, 64])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = tf.nn.conv2d(x, kernel, 1, "SAME")
        # The output is given too, so that the forward pass is not pruned.
        return y, *tape.gradient(y, [x, kernel], output_gradients=x)

    return step, 3 * 2 * 64 * 28 * 28 * 9 * 64 * 64


def flops_of_objective(model: Model, images: np.ndarray) -> int:
    """The floating-point operations of the objective's forward pass, as TensorFlow counts them."""
    function = tf.function(
        lambda x: model.objective(x, {}, False)["loss"], autograph=False
    ).get_concrete_function(tf.constant(images))
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return tf.compat.v1.profiler.profile(function.graph, options=options).total_float_ops


def print_operations(name: str, images: np.ndarray, steps: int = 5) -> None:
    """Prints where a training step's time goes, by the kind of operation."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2  # of TensorFlow's own traces

    model = MODELS[name]()
    model.compile()
    x = tf.constant(images)
    step = tf.function(lambda: model.train_step(x), autograph=False)
    step()
    folder = tempfile.mkdtemp()
    with tf.profiler.experimental.Profile(folder):
        for _ in range(steps):
            step()["loss"].numpy()
    (trace,) = Path(folder).glob("**/*.xplane.pb")
    planes = xplane_pb2.XSpace.FromString(trace.read_bytes()).planes
    seconds: collections.Counter[str] = collections.Counter()
    counts: collections.Counter[str] = collections.Counter()
    for plane in planes:
        for event in (event for line in plane.lines for event in line.events):
            # A node's event is called "its name:its operation".
            node, _, kind = plane.event_metadata[event.metadata_id].name.partition(":")
            if node and kind.lstrip("_")[:1].isupper():
                seconds[kind] += event.duration_ps / 1e12 / steps
                counts[kind] += 1
    total = seconds.total()
    print_table(
        f"{name}: a step of batch {BATCH} in {1e3 * total:.0f} ms, one operation at a time",
        ["operation", "a step", "ms", "share"],
        [
            [kind, f"{counts[kind] / steps:.0f}", f"{1e3 * value:.1f}", f"{value / total:.0%}"]
            for kind, value in seconds.most_common(12)
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["gated_pixel_cnn"], choices=sorted(MODELS))
    parser.add_argument("--steps", type=int, default=20, help="in each of the windows")
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--jit", action="store_true", help="also with XLA")
    parser.add_argument("--mixed", action="store_true", help="also in mixed_bfloat16")
    parser.add_argument("--operations", action="store_true", help="only where the time goes")
    arguments = parser.parse_args()

    images = np.random.default_rng(0).integers(0, 2, (BATCH, 28, 28, 1), dtype=np.uint8)
    if arguments.operations:
        tf.config.threading.set_inter_op_parallelism_threads(1)
        for name in arguments.models:
            print_operations(name, images)
        return
    data = tf.data.Dataset.from_tensors(tf.constant(images)).repeat(arguments.steps)
    convolve, convolve_flops = ceiling_step()
    rows = []
    for name in arguments.models:
        for label, jit, policy in (
            ("float32", False, "float32"),
            ("float32, XLA", True, "float32"),
            ("mixed_bfloat16", False, "mixed_bfloat16"),
        ):
            if (jit and not arguments.jit) or (policy != "float32" and not arguments.mixed):
                continue
            keras.mixed_precision.set_global_policy(policy)
            model = MODELS[name]()
            model.compile(jit_compile=jit)
            keras.mixed_precision.set_global_policy("float32")
            model.fit(data, verbose=0, shuffle=False)
            convolve()
            speeds, ceilings = [], []
            for _ in range(arguments.windows):
                begin = time.perf_counter()
                model.fit(data, verbose=0, shuffle=False)
                speeds.append(arguments.steps * BATCH / (time.perf_counter() - begin))
                begin = time.perf_counter()
                for _ in range(20):
                    gradients = convolve()
                np.asarray(gradients[-1])
                ceilings.append(20 * convolve_flops / (time.perf_counter() - begin))
            speed, ceiling = np.median(speeds), np.median(ceilings)
            # A step costs about three forward passes: one, and two for the gradients.
            flops = 3 * flops_of_objective(model, images) / BATCH
            # The objective of a GAN is a part of its step only: no share is stated.
            part = isinstance(model, AdversarialModel)
            share = "" if part else f"{speed * flops / ceiling:.0%}"
            rows.append(
                [
                    name,
                    label,
                    f"{model.count_params():,}",
                    f"{speed:.0f}",
                    f"{min(speeds):.0f}-{max(speeds):.0f}",
                    f"{ceiling / 1e9:.0f}",
                    share,
                ]
            )
    print_table(
        f"Training on 28x28x1, batch {BATCH}; median of {arguments.windows} windows of "
        f"{arguments.steps} steps",
        ["model", "how", "parameters", "images/s", "range", "ceiling GFLOP/s", "share"],
        rows,
    )


if __name__ == "__main__":
    main()
