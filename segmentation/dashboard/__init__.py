"""The marketing team's pages: what the API answers, to be read and tried in a browser.

``create_pages`` is in ``app``; nothing is imported here, as Dash takes a second and many
megabytes, and only a process that serves a page shall spend them. Pages hold no logic that the API
doesn't share: figures come from ``runtime``, as those of the routes do.
"""
