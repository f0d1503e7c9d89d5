"""How deploy/ecs.yaml replaces one revision by another: tested first, taken back when it fails."""

from __future__ import annotations

from typing import Any

from tests.support.cloudformation import Stack, read_template
from tests.support.stacks import FULL, PLAIN, REVISIONS, STACKS, TEMPLATES


def test_a_new_revision_is_tested_before_it_gets_traffic() -> None:
    """ECS asks for the verdict when all of the test traffic, and nothing else, leads to it."""
    for stack in REVISIONS:
        configuration = stack["Service"]["DeploymentConfiguration"]
        assert configuration["Strategy"] == "BLUE_GREEN"
        assert configuration["LifecycleHooks"] == [
            {
                "HookTargetArn": "att:VerdictFunction.Arn",
                "RoleArn": "att:DeploymentRole.Arn",
                "LifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
            }
        ]


def test_the_smoke_test_can_be_left_out() -> None:
    """An empty list, since ECS keeps hooks that are not mentioned; then nobody is told where."""
    template = read_template(TEMPLATES["ecs"])
    stack = Stack(template, PLAIN | {"SmokeTest": "none"})
    configuration = stack["Service"]["DeploymentConfiguration"]
    assert (configuration["Strategy"], configuration["LifecycleHooks"]) == ("BLUE_GREEN", [])
    assert set(STACKS["ecs, plain"].outputs) - set(stack.outputs) == {
        "TestUrl", "VerdictParameter",
    }  # fmt: skip


def test_whoever_deploys_learns_where_to_ask_and_to_answer_before_there_is_a_service() -> None:
    """A stack that is being updated shows the outputs of before: also the first one needs them."""
    template = read_template(TEMPLATES["ecs"])
    outputs = Stack(template, PLAIN | {"ImageTag": ""}).outputs
    assert outputs["TestUrl"] == "http://att:LoadBalancer.DNSName:9000"
    assert FULL.outputs["TestUrl"] == "https://att:LoadBalancer.DNSName:9000"
    prefix = FULL["VerdictFunction"]["Environment"]["Variables"]["PREFIX"]
    assert outputs["VerdictParameter"] == prefix == "/segmentation/segmentation/verdict"


def test_ecs_may_move_traffic_between_two_equal_target_groups() -> None:
    """Both are in both rules, so that either may be the one that serves."""
    for stack in REVISIONS:
        first, second = stack.of_type("ElasticLoadBalancingV2::TargetGroup").values()
        assert first == second
        (balancer,) = stack["Service"]["LoadBalancers"]
        assert balancer["TargetGroupArn"] == "ref:TargetGroup"
        assert balancer["AdvancedConfiguration"] == {
            "AlternateTargetGroupArn": "ref:AlternateTargetGroup",
            "ProductionListenerRule": "ref:ProductionRule",
            "TestListenerRule": "ref:TestRule",
            "RoleArn": "att:DeploymentRole.Arn",
        }
        for rule in ("ProductionRule", "TestRule"):
            (action,) = stack[rule]["Actions"]
            weights = {
                group["TargetGroupArn"]: group["Weight"]
                for group in action["ForwardConfig"]["TargetGroups"]
            }
            assert set(weights) == {"ref:TargetGroup", "ref:AlternateTargetGroup"}
            assert sorted(weights.values()) == [0, 100]


def test_every_listener_that_leads_to_tasks_hides_the_metrics() -> None:
    """The rule comes before the one that leads to the tasks."""
    for stack in REVISIONS:
        rules = stack.of_type("ElasticLoadBalancingV2::ListenerRule")
        first: dict[str, dict[str, Any]] = {}
        for rule in sorted(rules.values(), key=lambda item: -int(item["Priority"])):
            first[rule["ListenerArn"]] = rule
        leading = {rule["ListenerArn"] for rule in rules.values() if "For" in str(rule["Actions"])}
        assert set(first) == leading
        assert "ref:TestListener" in leading
        for rule in first.values():
            (condition,), (action,) = rule["Conditions"], rule["Actions"]
            assert condition["PathPatternConfig"]["Values"] == ["/metrics", "/metrics/*"]
            assert action["FixedResponseConfig"]["StatusCode"] == "404"


def test_the_service_waits_for_its_ways_in() -> None:
    """A rule that hides comes before the first task that it hides."""
    for resources in (stack.resources for stack in REVISIONS):
        assert set(resources["Service"]["DependsOn"]) == {
            "NoMetrics", "NoMetricsInTest", "TaskIngress",
        }  # fmt: skip


def test_what_ecs_may_do_in_a_deployment_is_its_own_policy_and_one_question() -> None:
    """And the function that answers may read verdicts of this stack, and log."""
    for stack in REVISIONS:
        role = stack["DeploymentRole"]
        assert role["ManagedPolicyArns"] == [
            "arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"
        ]
        (statement,) = role["Policies"][0]["PolicyDocument"]["Statement"]
        assert statement["Action"] == "lambda:InvokeFunction"
        assert statement["Resource"] == "att:VerdictFunction.Arn"
        read, log = stack["VerdictRole"]["Policies"][0]["PolicyDocument"]["Statement"]
        assert read["Action"] == "ssm:GetParameter"
        assert read["Resource"].endswith(":parameter/segmentation/segmentation/verdict/*")
        assert log["Resource"] == "att:LogGroup.Arn"
        trusted = {
            name: stack[name]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
            for name in ("DeploymentRole", "VerdictRole")
        }
        assert trusted == {
            "DeploymentRole": "ecs.amazonaws.com",
            "VerdictRole": "lambda.amazonaws.com",
        }


def test_a_deployment_lasts_as_long_as_its_alarms_need() -> None:
    """By default; three minutes of errors, and two until CloudWatch has them."""
    for stack in REVISIONS:
        configuration = stack["Service"]["DeploymentConfiguration"]
        names = configuration["Alarms"]["AlarmNames"]
        slowest = max(
            stack[name.removeprefix("ref:")]["Period"] // 60 * 3
            if "Period" in stack[name.removeprefix("ref:")]
            else 3
            for name in names
        )
        assert slowest + 2 <= int(configuration["BakeTimeInMinutes"])
        assert configuration["Alarms"]["Rollback"] is True
