"""The usual way: unpickle the pipeline, put the record into a data frame, ask scikit-learn."""

import joblib
import pandas as pd
from flask import Flask, jsonify, request

app = Flask(__name__, static_folder=None)
pipeline = joblib.load("model.bin")


@app.post("/predict")
def predict():
    """Answer one record."""
    record = pd.DataFrame([request.get_json()])
    probabilities = pipeline.predict_proba(record)[0]
    label = pipeline.predict(record)[0]
    return jsonify({"segment": int(label), "probabilities": probabilities.tolist()})
