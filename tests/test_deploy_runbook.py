"""What the deployment instructions say of operating the stacks: costs, times, alarms, training."""

from __future__ import annotations

import ast
import json
import operator
import os
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.shipped import ROOT
from tests.support.stacks import STACKS

TEXT = (ROOT / "deployment_instructions.md").read_text()
FULL, MINIMAL = STACKS["ecs, plain"], STACKS["ecs-minimal, plain"]

_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Mult: operator.mul,
}


def section(heading: str) -> str:
    """Return the text below a heading."""
    match = re.search(rf"\n### {re.escape(heading)}\n(.*?)(?=\n##)", TEXT, re.DOTALL)
    assert match, heading
    return match[1]


def computed(formula: str) -> float:
    """Return what a formula of sums and products comes to."""

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.BinOp):
            return _OPERATORS[type(node.op)](value(node.left), value(node.right))
        assert isinstance(node, ast.Constant)
        return float(node.value)  # type: ignore[arg-type]

    return value(ast.parse(formula, mode="eval").body)


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_costs_are_what_their_formulas_come_to() -> None:
    """Each row, and the sums of both columns."""
    *items, total = rows("What it costs")
    assert len(items) > 6
    sums = [0.0, 0.0]
    for _, formulas, *prices in items:
        worked_out = [computed(formula) for formula in re.findall(r"`([^`]+)`", formulas)]
        for column, price in enumerate(prices):
            expected = worked_out[column] if column < len(worked_out) else 0.0
            assert float(price) == pytest.approx(expected, abs=0.0051)
            sums[column] += expected
    assert [float(cell.strip("*")) for cell in total[2:]] == pytest.approx(sums, abs=0.011)


def test_the_costs_are_of_the_sizes_that_the_templates_have() -> None:
    """Tasks with their cores and memory, and as many metrics as are paid for."""
    cells = {subject.split(",")[0]: formula for subject, formula, *_ in rows("What it costs")}
    tasks, minimal = re.findall(r"`([^`]+)`", cells["tasks"])
    task = FULL["TaskDefinition"]
    assert f"{int(task['Cpu']) / 1024} * 0.04048" in tasks
    assert f"{int(task['Memory']) // 1024} * 0.004445" in tasks
    assert tasks.startswith(f"{FULL['ScalableTarget']['MinCapacity']} * ")
    task = MINIMAL["TaskDefinition"]
    assert f"{int(task['Cpu']) / 1024} * 0.04048" in minimal
    assert f"{int(task['Memory']) / 1024} * 0.004445" in minimal

    def metrics(alarms: dict[str, dict[str, list[dict[str, object]]]]) -> int:
        queries = [alarm.get("Metrics", [{"MetricStat": {}}]) for alarm in alarms.values()]
        return sum("MetricStat" in query for alarm in queries for query in alarm)

    watched = metrics(FULL.of_type("CloudWatch::Alarm"))
    # Target tracking makes two alarms of each policy: of one metric, and of two target groups'.
    assert cells["metrics in alarms"].startswith(f"`({watched} + {2 * 1 + 2 * 2}) * 0.10`")
    assert metrics(MINIMAL.of_type("CloudWatch::Alarm")) == 1
    created = len(FULL.of_type("Logs::MetricFilter"))
    assert cells["metrics that are made of the log"].startswith(f"`{created} * 0.30`")


def test_the_time_of_a_deployment_is_the_sum_of_its_steps() -> None:
    """With the template's bake time and draining among them."""
    times = {
        subject.strip("*"): int(seconds.strip("*"))
        for subject, seconds, _ in rows("What happens in a deployment, and how long it takes")
    }
    *_, completed = times
    until = list(times).index("the new revision serves")
    steps = list(times.values())
    assert steps[until] == sum(steps[:until])
    assert times[completed] == sum(steps[:-1]) - steps[until]
    assert times["bake"] == 60 * int(
        FULL["Service"]["DeploymentConfiguration"]["BakeTimeInMinutes"]
    )
    (group, _) = FULL.of_type("ElasticLoadBalancingV2::TargetGroup").values()
    drain = {attribute["Key"]: attribute["Value"] for attribute in group["TargetGroupAttributes"]}
    stop = FULL["TaskDefinition"]["ContainerDefinitions"][0]["StopTimeout"]
    assert times["old tasks drain and stop"] == stop + int(
        drain["deregistration_delay.timeout_seconds"]
    )


def test_every_alarm_is_explained() -> None:
    """By its name in the template."""
    named = {cell.strip("`") for cell, *_ in rows("Logs, metrics, alarms")}
    assert named == set(FULL.of_type("CloudWatch::Alarm"))


def written(tmp_path: Path) -> dict[str, list[dict[str, list[str]]]]:
    """Return what the shell writes for the task that trains."""
    match = re.search(
        r"^cat >training.json.*?^END$", section("Training there"), re.DOTALL | re.MULTILINE
    )
    assert match
    variables = os.environ | {"ACCOUNT": "123456789012", "ROLE": "trains", "BUCKET": "shop"}
    subprocess.run(["bash", "-c", match[0]], cwd=tmp_path, env=variables, check=True)
    overrides: dict[str, list[dict[str, list[str]]]] = json.loads(
        (tmp_path / "training.json").read_text()
    )
    return overrides


def test_the_task_that_trains_continues_the_model_that_is_served(tmp_path: Path) -> None:
    """What it reads and writes is in the image, or where its role may read and write."""
    command = written(tmp_path)["containerOverrides"][0]["command"]
    assert command[:2] == ["python", "train.py"]
    options = dict(zip(command[2::2], command[3::2], strict=True))
    assert (ROOT / options["--before"]).is_file()
    assert options["--data"].startswith("s3://shop/data/")
    assert options["--output"].startswith("s3://shop/models/")
    (policy,) = FULL["TrainingRole"]["Policies"]
    allowed = {item["Action"]: item["Resource"] for item in policy["PolicyDocument"]["Statement"]}
    assert allowed["s3:GetObject"] == ["att:Bucket.Arn/data/*", "att:Bucket.Arn/models/*"]
    assert allowed["s3:PutObject"] == "att:Bucket.Arn/models/*"


def test_the_card_of_a_package_can_be_looked_at() -> None:
    """With the command of the instructions."""
    (code,) = re.findall(r"\.venv/bin/python -c \"(.+)\"", section("Training there"))
    (path,) = re.findall(r"ZipFile\('([^']+)'\)", code)
    with zipfile.ZipFile(ROOT / path) as package:
        assert json.loads(package.read("manifest.json"))["study"] == "retail"
