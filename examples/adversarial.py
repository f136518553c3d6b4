"""Adversarial: a conditional DCGAN of digits.

python examples/adversarial.py --output runs/adversarial
"""

import argparse
from pathlib import Path

import keras

from keras_gen import DCGAN, data, pictures

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", type=Path, default=Path("runs/adversarial"))
parser.add_argument("--smoke", action="store_true", help="a tiny model, one epoch")
arguments = parser.parse_args()

# Data: what the model must know of it comes with it.
train, description = data.load("digits", "train", batch_size=64)
test, _ = data.load("digits", "test", batch_size=64)

# Model.
size = {"filters": 4} if arguments.smoke else {"filters": 64}
model = DCGAN(
    description.image_shape,
    levels=description.levels,
    num_classes=description.num_classes,
    latent_dim=32,
    **size,
)
model.compile(
    keras.optimizers.Adam(2e-4, beta_1=0.5, use_ema=True, ema_momentum=0.995),
    keras.optimizers.Adam(2e-4, beta_1=0.5),
)

# Fit.
model.fit(train, epochs=1 if arguments.smoke else 150, shuffle=False, verbose=2)

# Evaluate: both players' losses, in nats.
print(model.evaluate(test, return_dict=True, verbose=0))

# Sample: ten of each digit, a row each.
labels = [digit for digit in range(10) for _ in range(10)]
images = model.sample(100, labels=labels, seed=0)
print(pictures.save_grid(images, arguments.output / "samples.png", description.levels))

# Export.
model.export(arguments.output / "artefact", format="onnx")
