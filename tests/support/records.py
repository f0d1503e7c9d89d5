"""Records as clients send them: one survey in each accepted spelling, gaps, and orders."""

from __future__ import annotations

from typing import Any

from segmentation.studies.mobile import MOBILE

COMPLETE = {
    "user_id": 1,
    "device_model": "Google Pixel 5",
    "operating_system": "Android",
    "app_usage_min_per_day": 352,
    "screen_on_hours_per_day": 6.9,
    "battery_drain_mah_per_day": 2033,
    "apps_installed": 71,
    "data_usage_mb_per_day": 1267,
    "age": 33,
    "gender": "Male",
}
"""A made-up record whose usage answers all lie in the ranges of class 4."""

LOWER_CASE = {
    "user_id": 1,
    "device_model": "google_pixel_5",
    "operating_system": "android",
    "app_usage_time_(min/day)": 352,
    "screen_on_time_(min/day)": 414,
    "battery_drain_(mah/day)": 2033,
    "number_of_apps_installed": 71,
    "data_usage_(mb/day)": 1267,
    "age": 33,
    "gender": "male",
}
"""The same under the names that existing clients use."""

HEADERS = {
    "User ID": 1,
    "Device Model": "Google Pixel 5",
    "Operating System": "Android",
    "App Usage Time (min/day)": 352,
    "Screen On Time (hours/day)": 6.9,
    "Battery Drain (mAh/day)": 2033,
    "Number of Apps Installed": 71,
    "Data Usage (MB/day)": 1267,
    "Age": 33,
    "Gender": "Male",
}
"""The same under the original's headers."""

ORDERS = {
    "as_of": "2024-12-31",
    "transactions": [
        {
            "InvoiceNo": 1,
            "Quantity": 2,
            "UnitPrice": 4,
            "InvoiceDate": "2024-06-01",
            "Description": "MUG",
        }
    ],
}
"""What a customer of the shop has ordered, for the service to aggregate."""

USAGE = [column.name for column in MOBILE.schema.features]


def without_some_usage(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave 0 to 4 usage answers out of each record, in turn."""
    patterns = [[name for bit, name in enumerate(USAGE) if code >> bit & 1] for code in range(31)]
    return [
        {key: value for key, value in record.items() if key not in patterns[row % 31]}
        for row, record in enumerate(records)
    ]
