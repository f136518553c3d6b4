"""Autoregressive: a Gated PixelCNN of digits, with exact likelihoods.

python examples/autoregressive.py --output runs/autoregressive
"""

import argparse
from pathlib import Path

import keras

from keras_gen import GatedPixelCNN, data, pictures

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", type=Path, default=Path("runs/autoregressive"))
parser.add_argument("--smoke", action="store_true", help="a tiny model, one epoch")
arguments = parser.parse_args()

# Data: what the model must know of it comes with it.
train, description = data.load("digits", "train", batch_size=64)
test, _ = data.load("digits", "test", batch_size=64)

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
print(model.evaluate(test, return_dict=True, verbose=0))

# Sample: ten of each digit, a row each.
labels = [digit for digit in range(10) for _ in range(10)]
images = model.sample(100, labels=labels, seed=0)
print(pictures.save_grid(images, arguments.output / "samples.png", description.levels))

# Export.
model.export(arguments.output / "artefact", format="onnx")
