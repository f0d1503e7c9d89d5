"""A small 1-D convolutional network as a scikit-learn classifier, for the comparison only.

Keras on JAX's CPU build, the optional extra ``cnn``. It is never packed.
"""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin


class ConvolutionalClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Convolution over neighbouring columns, then one dense layer and a softmax.

    Parameters
    ----------
    n_filters : int, default=16
    epochs : int, default=10
    random_state : int, default=0
    """

    def __init__(self, n_filters: int = 16, epochs: int = 10, random_state: int = 0) -> None:
        self.n_filters = n_filters
        self.epochs = epochs
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Fit on X (n_samples, n_features) without gaps and y (n_samples,)."""
        os.environ.setdefault("KERAS_BACKEND", "jax")
        import keras

        keras.utils.set_random_seed(self.random_state)
        self.classes_, positions = np.unique(y, return_inverse=True)
        layers = keras.layers
        self.model_ = keras.Sequential(
            [
                layers.Input((np.shape(X)[1], 1)),
                layers.Conv1D(self.n_filters, 3, padding="same", activation="relu"),
                layers.Conv1D(self.n_filters, 3, padding="same", activation="relu"),
                layers.Flatten(),
                layers.Dense(32, activation="relu"),
                layers.Dense(len(self.classes_), activation="softmax"),
            ]
        )
        self.model_.compile("adam", "sparse_categorical_crossentropy")
        self.model_.fit(_columns(X), positions, batch_size=256, epochs=self.epochs, verbose=0)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return probabilities of shape (n_samples, n_classes)."""
        return np.asarray(self.model_.predict(_columns(X), batch_size=4096, verbose=0))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return labels of shape (n_samples,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


def _columns(X: Any) -> NDArray[np.float32]:
    return np.asarray(X, dtype=np.float32)[:, :, np.newaxis]
