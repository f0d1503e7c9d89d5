"""What surrounds every page: the document, the bar with the pages, the studies, and errors."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from segmentation.dashboard.addresses import PAGES, ROOT, PageAddress, ServedStudies
from segmentation.dashboard.html_elements import link, make_aria, render_notice
from segmentation.runtime.cards import StudyCard

DOCUMENT = """<!doctype html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
{%favicon%}
{%css%}
</head>
<body>
<noscript>These pages need JavaScript. The API at /docs does not.</noscript>
{%app_entry%}
{%config%}
{%scripts%}
{%renderer%}
</body>
</html>
"""
NAME = "Segmentation"


def render_layout() -> Component:
    """Return the frame that stays while pages change in it."""
    frame: Component = dmc.MantineProvider(
        [
            dcc.Location(id="url", refresh="callback-nav"),
            html.A("Skip to the content", href="#main", className="skip"),
            html.Header(_render_bar(), className="top"),
            html.Nav(id="studies", className="studies", **make_aria(label="Studies")),
            html.Main(html.P("Loading …", className="loading"), id="main", tabIndex="-1"),
            html.Footer(_render_footer()),
            html.Div(id="arrived", hidden=True),
        ],
        defaultColorScheme="auto",
        theme={"primaryColor": "blue", "primaryShade": {"light": 8, "dark": 5}},
    )
    return frame


def _render_bar() -> list[Component]:
    toggle = dmc.ColorSchemeToggle(
        lightIcon=html.Span(className="half-moon"),
        darkIcon=html.Span(className="half-moon"),
        variant="subtle",
        color="gray",
        size="lg",
        **make_aria(label="Switch between light and dark"),
    )
    return [
        link(NAME, ROOT, kind="brand"),
        html.Nav(id="pages", **make_aria(label="Pages")),
        toggle,
    ]


def _render_footer() -> list[Component | str]:
    return ["The same answers for programs: ", html.A("the API", href="/docs"), "."]


def render_page_links(place: PageAddress | None, default: str) -> list[Component]:
    """Return the links to the pages of the study at hand."""
    study = place.study if place else default
    return [
        link(
            title,
            PageAddress(study, page).address,
            current=place is not None and place.page == page,
        )
        for page, title in PAGES.items()
    ]


def render_study_links(studies: ServedStudies, place: PageAddress | None) -> list[Component]:
    """Return the links to the same page of every study."""
    page = place.page if place else next(iter(PAGES))
    cards = [served.describe(studies.default) for served in studies]
    return [
        link(
            [
                describe_study_title(card),
                *([] if card["ready"] else [html.Small(" not available")]),
            ],
            PageAddress(card["name"], page).address,
            current=place is not None and place.study == card["name"],
        )
        for card in cards
    ]


def describe_study_title(card: StudyCard) -> str:
    """Return what a study is called; its name, where its model can't say."""
    return card.get("title") or card["name"].replace("_", " ").capitalize()


def render_missing(reason: str, studies: ServedStudies) -> list[Component]:
    """Return the page instead of one that can't be shown."""
    ready = [card for served in studies if (card := served.describe(studies.default))["ready"]]
    links = [link(describe_study_title(card), PageAddress(card["name"]).address) for card in ready]
    return [
        html.H1("This page can't be shown", tabIndex="-1"),
        render_notice("error", html.P(reason)),
        html.P("These studies can be looked at:") if links else html.P("No study is available."),
        html.Ul([html.Li(link) for link in links]),
    ]
