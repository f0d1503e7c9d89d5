"""The mobile study: how people use their phones, in five classes of behaviour.

Edit the texts of ``SEGMENTS`` to change what the service says; run ``make train`` afterwards.
"""

from __future__ import annotations

from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from segmentation.estimators import TrainedOnCopies
from segmentation.schema import Alias, Column, Schema
from segmentation.study import Grid, Implication, Segment, Study, make_record_matrix
from segmentation.study.caveats import TableFact

SCHEMA = Schema(
    columns=(
        Column(
            name="user_id",
            title="User ID",
            kind="identifier",
            role="identifier",
            description="Your own key for the record; it is returned with the answer.",
            also_called=("ID", "Respondent ID", "Customer ID"),
        ),
        Column(
            name="device_model",
            title="Device Model",
            kind="category",
            role="context",
            description="Make and model of the phone.",
            also_called=("Device", "Phone", "Phone Model", "Smartphone"),
            categories=(
                "Google Pixel 5",
                "OnePlus 9",
                "Samsung Galaxy S21",
                "Xiaomi Mi 11",
                "iPhone 12",
            ),
        ),
        Column(
            name="operating_system",
            title="Operating System",
            kind="category",
            role="context",
            description="Operating system of the phone.",
            categories=("Android", "iOS"),
            also_called=("OS", "Platform", "Mobile OS"),
        ),
        Column(
            name="app_usage_min_per_day",
            title="App Usage Time (min/day)",
            kind="number",
            role="feature",
            description="Time spent in apps on an average day.",
            unit="minutes per day",
            minimum=0,
            maximum=1440,
            resolution=1,
            label="app usage time",
            defines=True,
            also_called=(
                "App Usage",
                "App Usage (min/day)",
                "App Usage Min",
                "App Usage Minutes",
                "App Usage Time (min)",
                "App Usage Time (minutes)",
                "App Usage Time (minutes/day)",
                "App Usage Minutes per Day",
                "App Usage Time (min per day)",
                "App Usage Time (minutes per day)",
                "Daily App Usage Minutes",
            ),
        ),
        Column(
            name="screen_on_hours_per_day",
            title="Screen On Time (hours/day)",
            kind="number",
            role="feature",
            description="Time for which the screen is on, on an average day.",
            unit="hours per day",
            minimum=0,
            maximum=24,
            resolution=0.1,
            aliases=(Alias("Screen On Time (min/day)", unit="minutes per day", divisor=60),),
            label="screen-on time",
            defines=True,
            # Not "Screen Time": some write it in hours, some in minutes.
            also_called=(
                "Screen On Hours",
                "Screen Hours",
                "Screen On Time (h)",
                "Screen On Time (h/day)",
                "Screen On Time (hours)",
                "Screen On Time (hrs/day)",
                "Screen On Time (hours per day)",
                "Screen Time (hours)",
                "Screen Time (hours/day)",
                "Screen Time Hours per Day",
            ),
        ),
        Column(
            name="battery_drain_mah_per_day",
            title="Battery Drain (mAh/day)",
            kind="number",
            role="feature",
            description="Battery charge used on an average day.",
            unit="mAh per day",
            minimum=0,
            maximum=20_000,
            resolution=1,
            label="battery drain",
            defines=True,
            also_called=(
                "Battery Drain (mAh)",
                "Battery Drain (mAh per day)",
                "Battery Usage (mAh)",
                "Battery Usage (mAh/day)",
                "Battery mAh",
            ),
        ),
        Column(
            name="apps_installed",
            title="Number of Apps Installed",
            kind="number",
            role="feature",
            description="Apps on the phone; an average over several phones may be a fraction.",
            unit="apps",
            minimum=0,
            maximum=2_000,
            resolution=1,
            label="the number of apps",
            defines=True,
            also_called=(
                "Apps",
                "App Count",
                "Apps Count",
                "Installed Apps",
                "N Apps",
                "Num Apps",
                "Num Apps Installed",
                "No. of Apps",
                "No. of Apps Installed",
                "Number of Installed Apps",
            ),
        ),
        Column(
            name="data_usage_mb_per_day",
            title="Data Usage (MB/day)",
            kind="number",
            role="feature",
            description="Mobile data used on an average day.",
            unit="MB per day",
            minimum=0,
            maximum=100_000,
            resolution=1,
            label="data usage",
            defines=True,
            also_called=(
                "Data Usage (MB)",
                "Data Usage (MB per day)",
                "Data MB",
                "Mobile Data (MB)",
                "Mobile Data Usage (MB)",
                "Mobile Data Usage (MB/day)",
            ),
        ),
        Column(
            name="age",
            title="Age",
            kind="integer",
            role="context",
            description="Age in completed years.",
            unit="years",
            minimum=0,
            maximum=120,
            resolution=1,
            also_called=("Age (years)", "Age in Years"),
        ),
        Column(
            name="gender",
            title="Gender",
            kind="category",
            role="context",
            description="Gender as the person states it.",
            categories=("Female", "Male"),
            also_called=("Sex",),
        ),
        Column(
            name="user_behavior_class",
            title="User Behavior Class",
            kind="integer",
            role="target",
            description="Class of behaviour, from light (1) to extreme (5) use.",
            also_called=("User Behaviour Class", "Behavior Class", "Behaviour Class", "Class"),
            minimum=1,
            maximum=5,
        ),
    )
)

SEGMENTS = (
    Segment(
        label=1,
        id="cost_conscious_customer",
        name="Cost-Conscious Customer",
        description="Uses the phone little, installs few apps and keeps data and battery use low.",
        action="Offer entry-level plans and refurbished phones, and show the saving in money.",
    ),
    Segment(
        label=2,
        id="practical_user",
        name="Practical User",
        description="Uses the phone for what needs doing: a couple of hours and a few dozen apps.",
        action="Offer mid-range bundles of calls and data that just work, with nothing to manage.",
    ),
    Segment(
        label=3,
        id="feature_oriented_buyer",
        name="Feature-Oriented Buyer",
        description="Uses the phone several hours a day and tries out what it can do.",
        action="Show new camera, payment and health features, and invite to trials of add-ons.",
    ),
    Segment(
        label=4,
        id="brand_loyalist",
        name="Brand Loyalist",
        description="Lives with the phone for most of the day, with many apps and much data.",
        action="Offer early upgrades, accessories and loyalty rewards before the contract ends.",
    ),
    Segment(
        label=5,
        id="power_user",
        name="Power User",
        description="Uses the phone almost all day, with the most apps, data and battery drain.",
        action="Offer unlimited data, top-end phones and fast charging; ask for referrals.",
    ),
)


def pipeline(random_state: int) -> Pipeline:
    """Return the unfitted pipeline: records to numbers, copies, a constant for gaps, a forest.

    Demographics and the device are left out: on the original data they answer no better than
    chance (accuracy 0.194 of 0.2 expected), so a tree that splits on them learns noise.
    """
    forest = Pipeline(
        [
            # Below every possible answer, so that one split tells a gap from an answer.
            # Columns that nobody in a fold answered are kept: all folds have the same ones.
            (
                "impute",
                SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True),
            ),
            ("forest", RandomForestClassifier(random_state=random_state)),
        ]
    )
    return Pipeline(
        [
            ("records", make_record_matrix(SCHEMA)),
            ("classifier", TrainedOnCopies(forest, random_state=random_state)),
        ]
    )


_FOREST = "classifier__estimator__forest__"

GRIDS: dict[str, Grid] = {
    # Small forests that answer fast; what tells them apart is how they smooth over noise.
    "quick": {
        _FOREST + "n_estimators": [20, 30],
        _FOREST + "max_features": [1, 2],
        _FOREST + "max_leaf_nodes": [200, 400],
    },
    # The grid that notebooks on this survey search: 1,080 candidates.
    "full": {
        _FOREST + "n_estimators": [20, 50, 100, 200, 300],
        _FOREST + "max_depth": [None, 10, 20, 30],
        _FOREST + "min_samples_split": [2, 5, 10],
        _FOREST + "min_samples_leaf": [1, 2, 4],
        _FOREST + "max_features": [1.0, "sqrt", "log2"],
        _FOREST + "bootstrap": [True, False],
    },
}

# The survey with commas, the same with semicolons, and the synthetic sample.
TABLES = (
    "3a1ee9f647e208fa77b346917774f05ae35e43ed8700a6ae0de2926277f6c9ac",
    "fff71e7f35c141ded223b4a42618c5d1af82839a7f91cfacce3ee381e336855c",
    "8d4cc88c0aae46b825faef3f3aa9c0cab9a14be0f5d13d904f3d8d11ddf9cc70",
)

MOBILE = Study(
    name="mobile",
    title="Mobile device usage survey",
    description="Which of five kinds of phone user a person is, from five answers about usage.",
    schema=SCHEMA,
    segments=SEGMENTS,
    pipeline=pipeline,
    grids=GRIDS,
    implications=(
        Implication("device_model", "iPhone 12", "operating_system", "iOS"),
        Implication("operating_system", "iOS", "device_model", "iPhone 12"),
    ),
    caveats=(
        "The survey's classes were cut from the usage answers that the model reads. Accuracy on"
        " complete records is agreement with that definition and no prediction; how records with"
        " missing or imprecise answers are answered is what tells models apart.",
        "Age, gender and device are not read by the model.",
        TableFact(
            "In this table age, gender and device carry no signal about the class: a model that"
            " reads them alone answers as well as chance.",
            TABLES,
        ),
    ),
)
