"""The usual way: unpickle a pipeline, put the record into a data frame, ask scikit-learn.

``USUAL`` chooses the pipeline. ``notebook``: what notebooks on this survey fit, one-hot encoding
and scaling in front of a forest of scikit-learn's default size. ``same``: the one in model.bin.
"""

import os
import warnings

import joblib
import pandas as pd
from flask import Flask, jsonify, request
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

# One of scikit-learn's, for each tree and request, where threads are not its own.
warnings.filterwarnings("ignore", module="sklearn.utils.parallel")

TEXTS = ["device_model", "operating_system", "gender"]


def notebook_pipeline() -> Pipeline:
    """Fit the usual pipeline on the sample."""
    sample = pd.read_csv("data/mobile.csv")
    names = {
        "App Usage Time (min/day)": "app_usage_min_per_day",
        "Screen On Time (hours/day)": "screen_on_hours_per_day",
        "Battery Drain (mAh/day)": "battery_drain_mah_per_day",
        "Number of Apps Installed": "apps_installed",
        "Data Usage (MB/day)": "data_usage_mb_per_day",
        "Age": "age",
        "Device Model": "device_model",
        "Operating System": "operating_system",
        "Gender": "gender",
    }
    X = sample.rename(columns=names)[list(names.values())]
    numbers = [name for name in X if name not in TEXTS]
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), TEXTS), (StandardScaler(), numbers)
    )
    forest = RandomForestClassifier(random_state=0)
    return make_pipeline(columns, forest).fit(X, sample["User Behavior Class"])


app = Flask(__name__, static_folder=None)
same = os.environ.get("USUAL") == "same"
pipeline = joblib.load("model.bin") if same else notebook_pipeline()


@app.post("/predict")
def predict():
    """Answer one record."""
    record = pd.DataFrame([request.get_json()])
    probabilities = pipeline.predict_proba(record)[0]
    label = pipeline.predict(record)[0]
    return jsonify({"segment": int(label), "probabilities": probabilities.tolist()})
