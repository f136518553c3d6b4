"""Phases: a model that changes its networks within one `fit`, as one that grows does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_gen.model import Model
from keras_gen.optimizers import players_of, unscaled
from keras_gen.signature import Signature


class PhasedModel(Model):
    """A model whose networks depend on `phase`, a Python integer that follows from saved counters.

    All phases' weights are there from construction, but only the phase's own learn. `fit` asks for
    the phase between executions; on a change it makes its graphs anew, and the optimizer forgets
    what it gathered (as Karras et al. 2018, arXiv 1710.10196, do: a slot that wakes late under a
    mature bias correction would leap). A subclass supplies `phase_at` and `phase_weights`, and
    `progress` where phases are not counted in training steps.

    It comes last among the bases: `class Growing(GAN, PhasedModel)`. In a game `phase_weights` are
    those of both players: each player's optimizer has slots for all of its weights, and its steps
    change those of the phase.

    Args:
        **kwargs: of `Model`.
    """

    train_function: Any

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phase_entered = self._counter("phase_entered")
        self._traced_phase = 0

    def progress(self) -> int:
        """How far training has come, by a saved counter: in training steps."""
        return int(self.steps.numpy())

    def phase_at(self, progress: int) -> int:
        """The phase that is due after so much progress."""
        raise NotImplementedError(f"{type(self).__name__} must supply phase_at().")

    def phase_weights(self, phase: int) -> Sequence[keras.Variable]:
        """The weights that learn in a phase; all of them, unless a model says otherwise."""
        return self.trainable_variables

    @property
    def phase(self) -> int:
        """The phase that the model is in: to a graph, a constant."""
        with tf.init_scope():
            return int(self.phase_entered.numpy())

    def learned_weights(self) -> Sequence[keras.Variable]:
        return self.phase_weights(self.phase)

    # Graphs hold the phase as a constant: whoever asks for one gets one of the phase that is.

    def signatures(self) -> dict[str, Signature]:
        self._notice_phase()
        return super().signatures()

    def make_test_function(self, force: bool = False) -> Any:
        self._notice_phase()
        return super().make_test_function(force)

    def make_predict_function(self, force: bool = False) -> Any:
        self._notice_phase()
        return super().make_predict_function(force)

    def _notice_phase(self) -> None:
        """Drops all graphs where the phase is another one: weights may have been loaded."""
        if self.phase != self._traced_phase:
            self._traced_phase = self.phase
            self.train_function = self.test_function = self.predict_function = None
            self._test_of_averages = None
            self._made_signatures = None

    def make_train_function(self, force: bool = False) -> None:
        self._notice_phase()
        if self.train_function is not None and not force:
            return
        if not self.optimizer.built:  # for the weights of all phases
            self.optimizer.build(self.trainable_variables)
        super().make_train_function(force=True)
        train = self.train_function

        def train_in_phase(iterator: Any) -> Any:
            # Keras calls `self.train_function` at each step: a new one takes over at once.
            return self.train_function(iterator) if self._enter_phase() else train(iterator)

        self.train_function = train_in_phase

    def _enter_phase(self) -> bool:
        """Enters the phase that is due, and says whether it is another one."""
        due = self.phase_at(self.progress())
        if due == self.phase:
            return False
        self.phase_entered.assign(due)
        for player in players_of(self.optimizer):
            forget(player)
        self.make_train_function(force=True)
        return True


def forget(optimizer: keras.optimizers.Optimizer) -> None:
    """Sets an optimizer's slots and its count of steps back; its learning rate stays."""
    optimizer = unscaled(optimizer)
    fresh = type(optimizer).from_config(optimizer.get_config())
    fresh.build(optimizer._trainable_variables)
    for old, new in zip(optimizer.variables, fresh.variables, strict=True):
        if old.path.rpartition("/")[2] != "learning_rate":
            old.assign(new)
