"""What we leave in a request's WSGI environment, for the layers around the one that knows it.

Imports nothing, so that gunicorn can read its settings, and with them the logger, before anything
is loaded that looks for the counters' folder.
"""

from __future__ import annotations

from typing import Any

Environment = dict[str, Any]

REQUEST_ID = "segmentation.request_id"
# The rule that matched, or UNMATCHED.
ROUTE = "segmentation.route"
UNMATCHED = "unmatched"
N_RECORDS = "segmentation.records"
# Whether the body is one record: pointers then begin at its fields.
SINGLE = "segmentation.single"
# When the request had come, by `time.perf_counter`.
STARTED = "segmentation.started"
# Bytes of the body, where all of it has come before its request is answered.
N_RECEIVED = "segmentation.received"
# Set where the front has found that the body needs Flask's route.
NOT_PLAIN = "segmentation.not_plain"
# For the access log, which is written when the answer has gone out.
LOG = "segmentation.log"
