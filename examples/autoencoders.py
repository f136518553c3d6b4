"""Autoencoders: a VAE of binarised digits, with a bound of its likelihood.

python examples/autoencoders.py --output runs/autoencoders
"""

import argparse
from pathlib import Path

import keras

from keras_gen import VAE, data, pictures

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", type=Path, default=Path("runs/autoencoders"))
parser.add_argument("--smoke", action="store_true", help="a tiny model, one epoch")
arguments = parser.parse_args()

# Data: what the model must know of it comes with it.
train, description = data.load("digits", "train", batch_size=64, binarize="dynamic")
test, _ = data.load("digits", "test", batch_size=64, binarize="fixed")

# Model.
size = {"filters": (4,), "hidden_units": 8} if arguments.smoke else {"filters": (32, 64)}
model = VAE(
    description.image_shape,
    levels=description.levels,
    num_classes=description.num_classes,
    latent_dim=8,
    **size,
)
model.compile(keras.optimizers.Adam(1e-3))

# Fit.
model.fit(train, epochs=1 if arguments.smoke else 60, shuffle=False, verbose=2)

# Evaluate: the negative evidence lower bound, in nats, and its parts.
print(model.evaluate(test, return_dict=True, verbose=0))

# Sample: ten of each digit, a row each.
labels = [digit for digit in range(10) for _ in range(10)]
images = model.sample(100, labels=labels, seed=0, temperature=0.0)
print(pictures.save_grid(images, arguments.output / "samples.png", description.levels))

# Export.
model.export(arguments.output / "artefact", format="onnx")
