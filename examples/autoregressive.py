"""Autoregressive: a Gated PixelCNN of digits, with exact likelihoods.

It prints the exact likelihood of held-out digits, in nats and in bits per dimension; it shows ten
samples of each digit, a row each, in `samples.png`, to be held against
examples/pictures/autoregressive.png; and it writes an artefact for ONNX Runtime. It takes 48
seconds on two CPU cores.

    python examples/autoregressive.py --output runs/autoregressive
"""

import argparse
from pathlib import Path

import keras

from keras_gen import GatedPixelCNN, data

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", type=Path, default=Path("runs/autoregressive"))
parser.add_argument("--smoke", action="store_true", help="a tiny model, one epoch")
arguments = parser.parse_args()
keras.utils.set_random_seed(0)

# Data: what the model must know of it comes with it.
train, description = data.load("digits", "train", batch_size=64)
images, labels, _ = data.load_arrays("digits", "test")

# Model.
size = {"filters": 4, "num_blocks": 1} if arguments.smoke else {"filters": 32, "num_blocks": 4}
model = GatedPixelCNN(
    description.image_shape,
    levels=description.levels,
    num_classes=description.num_classes,
    **size,
)
model.compile(keras.optimizers.Adam(2e-3))

# Fit.
model.fit(train, epochs=1 if arguments.smoke else 30, shuffle=False, verbose=2)

# Evaluate: nats and bits per dimension, exact.
for name, (value, unit) in model.measure(images, labels).items():
    print(f"{name}: {value:.4f} {unit}")

# Sample: ten of each digit, a row each.
digits = [digit for digit in range(10) for _ in range(10)]
samples = model.sample(100, labels=digits, seed=0)
print(model.format.write(samples, arguments.output / "samples.png", columns=10))

# Export.
model.export(arguments.output / "artefact", format="onnx")
