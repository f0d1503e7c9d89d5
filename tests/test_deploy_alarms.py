"""What the stacks watch: alarms, what scaling follows, the dashboard, metrics made of the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from segmentation.runtime import record_warnings
from tests.support.cloudformation import Stack, read_template
from tests.support.stacks import PLAIN, REVISIONS, STACKS, TEMPLATES


def every_alarm() -> Iterator[tuple[Stack, str, dict[str, Any]]]:
    """Yield each alarm of each stack with its name."""
    for stack in STACKS.values():
        for name, alarm in stack.of_type("CloudWatch::Alarm").items():
            yield stack, name, alarm


def test_alarms_tell_the_topic_that_is_named() -> None:
    """When they begin and when they end; without a topic they only show."""
    text = {
        (name, stack.parameters.get("AlarmTopicArn")): (
            alarm.get("AlarmActions"),
            alarm.get("OKActions"),
        )
        for stack, name, alarm in every_alarm()
    }
    for (_, topic), actions in text.items():
        assert actions == (([topic], [topic]) if topic else (None, None))
    assert {name for name, topic in text if topic is None} == {
        "ErrorsAlarm", "LoadBalancerErrorsAlarm", "LatencyAlarm", "UnhealthyAlarm",
        "NoHealthyTaskAlarm", "NotReadyAlarm",
    }  # fmt: skip


def test_an_alarm_about_too_little_takes_no_data_for_nothing() -> None:
    """And one about too much for nothing wrong: then nothing happened that could be."""
    for _, name, alarm in every_alarm():
        below = alarm["ComparisonOperator"] == "LessThanThreshold"
        assert alarm["TreatMissingData"] == ("breaching" if below else "notBreaching"), name
        assert alarm.get("EvaluateLowSampleCountPercentile", "evaluate") == "evaluate", name


def test_an_alarm_sounds_when_nothing_is_healthy() -> None:
    """Of each stack, as soon as there is a service, and not before its first tasks had time."""
    for stack in STACKS.values():
        name = "NoHealthyTaskAlarm" if "LoadBalancer" in stack.resources else "NotReadyAlarm"
        assert stack.resources[name]["DependsOn"] == "Service"
        assert (stack[name]["ComparisonOperator"], stack[name]["Threshold"]) == (
            "LessThanThreshold",
            1,
        )
        without = Stack(stack.template, dict(stack.parameters) | {"ImageTag": ""})
        assert name not in without.resources


def test_without_a_line_for_each_request_there_is_no_alarm_about_them() -> None:
    """The minimal stack's is about lines of the log: where there are none it would always sound."""
    template = read_template(TEMPLATES["ecs-minimal"])
    for level, alarms in (("debug", 1), ("info", 1), ("warning", 0), ("error", 0)):
        stack = Stack(template, PLAIN | {"LogLevel": level})
        assert len(stack.of_type("CloudWatch::Alarm")) == alarms
        assert len(stack.of_type("Logs::MetricFilter")) == alarms


def queries(stack: Stack) -> Iterator[list[dict[str, Any]]]:
    """Yield what alarms and scaling look at: lists of metrics, or of one."""
    for alarm in stack.of_type("CloudWatch::Alarm").values():
        yield alarm.get("Metrics") or [{"MetricStat": {"Metric": alarm}}]
    for policy in stack.of_type("ApplicationAutoScaling::ScalingPolicy").values():
        followed = policy["TargetTrackingScalingPolicyConfiguration"]
        if custom := followed.get("CustomizedMetricSpecification"):
            yield custom["Metrics"]


def test_whatever_looks_at_a_target_group_looks_at_both() -> None:
    """Revisions take turns; the group without tasks has no data, which must not hide the other."""
    pair = ["att:TargetGroup.TargetGroupFullName", "att:AlternateTargetGroup.TargetGroupFullName"]
    looked = 0
    for metrics in (metrics for stack in REVISIONS for metrics in queries(stack)):
        groups = [
            dimension["Value"]
            for query in metrics
            for dimension in query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", [])
            if dimension["Name"] == "TargetGroup"
        ]
        assert groups in ([], pair)
        if groups:
            looked += 1
            (expression,) = (query["Expression"] for query in metrics if "Expression" in query)
            assert expression == "MAX([FILL(blue, 0), FILL(green, 0)])"
    assert looked == 2 * 3  # of two stacks: healthy, unhealthy, requests per task


def test_scaling_does_not_name_a_target_group_that_may_have_no_traffic() -> None:
    """The predefined metric of requests per target does."""
    for stack in REVISIONS:
        predefined = [
            policy["TargetTrackingScalingPolicyConfiguration"]
            .get("PredefinedMetricSpecification", {})
            .get("PredefinedMetricType")
            for policy in stack.of_type("ApplicationAutoScaling::ScalingPolicy").values()
        ]
        assert predefined == ["ECSServiceAverageCPUUtilization", None]


def widgets(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return the dashboard's widgets by their titles."""
    body = json.loads(stack["Dashboard"]["DashboardBody"])
    return {widget["properties"]["title"]: widget["properties"] for widget in body["widgets"]}


def test_the_dashboard_shows_what_the_service_does_and_how_it_is() -> None:
    """In a region, over minutes; the widgets fill rows of 24 columns and do not overlap."""
    for stack in REVISIONS:
        assert list(widgets(stack)) == [
            "Requests a minute", "Errors a minute", "Seconds to an answer",
            "Unsure answers, percent", "Warnings a minute, by code", "Answers a minute",
            "Tasks", "CPU and memory, percent of the tasks'", "Alarms",
        ]  # fmt: skip
        body = json.loads(stack["Dashboard"]["DashboardBody"])
        places = [
            (widget["x"], widget["y"], widget["width"], widget["height"])
            for widget in body["widgets"]
        ]
        assert sorted(places) == sorted((x, y, 8, 6) for x in (0, 8, 16) for y in (0, 6, 12))


def test_the_dashboard_shows_every_alarm_that_there_is() -> None:
    """That of healthy tasks only with a service."""
    template = read_template(TEMPLATES["ecs"])
    for stack in (*REVISIONS, Stack(template, PLAIN | {"ImageTag": ""})):
        displayed = set(widgets(stack)["Alarms"]["alarms"])
        prefix = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:ref:"
        assert displayed == {prefix + name for name in stack.of_type("CloudWatch::Alarm")}


def test_the_dashboard_shows_every_metric_that_is_made_of_the_log() -> None:
    """And each is made: one for every code of a warning, besides all and unsure answers."""
    codes = {
        record_warnings.OUTSIDE_TRAINING,
        record_warnings.UNKNOWN_CATEGORY,
        record_warnings.CONTRADICTION,
        record_warnings.INDIRECT,
    }
    stack = STACKS["ecs, plain"]
    created = {
        transformation["MetricName"]: transformation["MetricNamespace"]
        for item in stack.of_type("Logs::MetricFilter").values()
        for transformation in item["MetricTransformations"]
    }
    assert created == dict.fromkeys({"answered", "unsure", *codes}, "Segmentation/segmentation")
    displayed = set()
    for properties in widgets(stack).values():
        namespace = None
        for metric in properties.get("metrics", []):
            namespace = metric[0] if metric[0] not in (".", "...") else namespace
            if namespace == "Segmentation/segmentation":
                displayed.add(metric[1])
    assert displayed == set(created)
