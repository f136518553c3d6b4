"""One optimizer for a game: it holds one a player, and is what Keras's callbacks see."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_gen.optimizers import unscaled


@keras.saving.register_keras_serializable("keras_gen")
class PlayersOptimizer(keras.optimizers.Optimizer):
    """The optimizers of a generator and a discriminator, as one.

    It takes no steps itself: the game steps with `generator` and with `discriminator`. Its learning
    rate is the generator's; setting it sets both, in the ratio that they had at first.

    Args:
        generator: the generator's optimizer.
        discriminator: the discriminator's, another object.
        name: of the whole.

    Raises:
        ValueError: both are the same object.
    """

    def __init__(
        self,
        generator: keras.optimizers.Optimizer,
        discriminator: keras.optimizers.Optimizer,
        name: str = "players_optimizer",
    ) -> None:
        super().__init__(learning_rate=0.0, name=name)
        if generator is discriminator:
            raise ValueError(
                "discriminator_optimizer must be another object than generator_optimizer: an "
                "optimizer keeps slots for the weights of one player."
            )
        self.generator, self.discriminator = generator, discriminator
        self._ratio = _rate(discriminator) / (_rate(generator) or 1.0) or 1.0
        self.built = True

    @property
    def players(self) -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
        """Both optimizers."""
        return self.generator, self.discriminator

    def build_players(self, generator_weights: list, discriminator_weights: list) -> None:
        """Gives each player's optimizer the weights that it may change."""
        for player, weights in zip(
            self.players, (generator_weights, discriminator_weights), strict=True
        ):
            if not player.built:
                player.build(weights)

    @property
    def variables(self) -> list[keras.Variable]:
        return [*self.generator.variables, *self.discriminator.variables]

    @property
    def iterations(self) -> keras.Variable:
        return self.generator.iterations

    @property
    def learning_rate(self) -> Any:
        return self.generator.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.generator.learning_rate = learning_rate
        self.discriminator.learning_rate = float(learning_rate) * self._ratio

    def build(self, variables: list) -> None:
        """Does nothing: `build_players` builds each player's optimizer."""

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        raise ValueError("The steps of a game are those of its players: use one of them.")

    def finalize_variable_values(self, var_list: Any) -> None:
        """Ends training: where a player averages its weights, they become the averages."""
        for player in self.players:
            player.finalize_variable_values(player_weights(player))

    # Each player saves its own variables; this one has none.

    def save_own_variables(self, store: Any) -> None:
        pass

    def load_own_variables(self, store: Any) -> None:
        pass

    def get_config(self) -> dict:
        return {
            "generator": keras.optimizers.serialize(self.generator),
            "discriminator": keras.optimizers.serialize(self.discriminator),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> PlayersOptimizer:
        players = {
            name: keras.optimizers.deserialize(config[name], custom_objects)
            for name in ("generator", "discriminator")
        }
        return cls(**players, name=config["name"])


def _rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The learning rate of a player, at its first step where it follows a schedule."""
    rate = unscaled(optimizer).learning_rate
    return float(tf.convert_to_tensor(rate).numpy())  # of a strategy's, too


def player_weights(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """The weights that an optimizer was built for."""
    return unscaled(optimizer)._trainable_variables


def copy_of(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """A new optimizer like this one, without its state."""
    return type(optimizer).from_config(optimizer.get_config())
