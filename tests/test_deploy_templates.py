"""The CloudFormation templates keep the promises of the image, the settings and good manners.

Read from the templates with their parameters filled in. What a stack is on AWS's own interfaces is
in test_deploy_stack.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segmentation.service.settings import Settings
from tests.support.cloudformation import Stack, read_template
from tests.support.shipped import ROOT
from tests.support.stacks import CERTIFICATE, FULL, PLAIN, STACKS, TEMPLATES

LARGEST_INLINE = 51_200
"""Bytes of a template that the command line can send without a bucket."""


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> Stack:
    """Each template, plain and with its options."""
    return STACKS[request.param]


def container(stack: Stack) -> dict[str, Any]:
    """Return the definition of the one container."""
    (only,) = stack["TaskDefinition"]["ContainerDefinitions"]
    return dict(only)


def environment(stack: Stack) -> dict[str, str]:
    """Return the container's variables."""
    return {item["Name"]: item["Value"] for item in container(stack)["Environment"]}


def statements(stack: Stack) -> Iterator[dict[str, Any]]:
    """Yield what roles are allowed."""
    for role in stack.of_type("IAM::Role").values():
        for policy in role.get("Policies", []):
            yield from policy["PolicyDocument"]["Statement"]


def attributes(properties: dict[str, Any], key: str) -> dict[str, str]:
    """Return a list of keys and values as what it is."""
    return {item["Key"]: item["Value"] for item in properties[key]}


def dockerfile(instruction: str) -> str:
    """Return what the Dockerfile says after the last such instruction, its lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    result: list[str] = re.findall(rf"^{instruction}\s+(.*)$", text, re.MULTILINE)
    return result[-1]


def test_cfn_lint_has_nothing_to_say() -> None:
    """Not even a remark; about all templates in one run, most of which is the linter's start."""
    linter = Path(sys.executable).with_name("cfn-lint")
    paths = sorted((ROOT / "deploy").glob("*.yaml"))
    templates = [path for path in paths if "AWSTemplateFormatVersion" in path.read_text()]
    assert set(templates) > set(TEMPLATES.values())
    completed = subprocess.run([linter, *templates], capture_output=True, text=True, check=False)
    assert (completed.returncode, completed.stdout) == (0, "")


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_can_be_sent_as_it_is(name: str) -> None:
    """Small enough to need no bucket, and without aliases, which CloudFormation doesn't read."""
    text = TEMPLATES[name].read_text()
    assert len(text.encode()) < LARGEST_INLINE
    assert re.findall(r"^\s*(?:- )?\w*:? [&*]\w+$", text, re.MULTILINE) == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_parameter_is_described_and_limited(name: str) -> None:
    """And belongs to one group of the console's form."""
    template = read_template(TEMPLATES[name])
    for parameter, declared in template["Parameters"].items():
        assert declared["Description"].endswith((".", ")", "HTTP")), parameter
        limits = {"AllowedValues", "AllowedPattern", "MinValue"} & set(declared)
        assert limits or declared["Type"].startswith(("AWS::", "List<AWS::", "Comma")), parameter
        assert "AllowedPattern" not in declared or "ConstraintDescription" in declared, parameter
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [parameter for group in groups for parameter in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])


@pytest.mark.parametrize("name", TEMPLATES)
def test_without_an_image_there_is_all_but_the_service(name: str) -> None:
    """A stack begins that way; the repository is what the first image needs."""
    template = read_template(TEMPLATES[name])
    without = set(Stack(template, PLAIN | {"ImageTag": ""}).resources)
    missing = set(Stack(template, PLAIN).resources) - without
    assert "Repository" in without
    assert {"Service", "TaskDefinition"} <= missing
    assert missing <= {
        "Service", "TaskDefinition", "ScalableTarget", "ScalingOnCpu", "ScalingOnRequests",
        "NoHealthyTaskAlarm", "NotReadyAlarm", "ReadyFilter",
    }  # fmt: skip


def test_the_health_check_is_the_image_s(stack: Stack) -> None:
    """ECS doesn't look at the image's own."""
    options, _, command = dockerfile("HEALTHCHECK").partition("CMD ")
    seconds = {
        key: int(value) for key, value in re.findall(r"--([a-z-]+)=(\d+)s?(?:\s|$)", options)
    }
    check = container(stack)["HealthCheck"]
    assert check["Command"] == ["CMD", *json.loads(command)]
    assert {
        "interval": check["Interval"],
        "timeout": check["Timeout"],
        "start-period": check["StartPeriod"],
        "retries": check["Retries"],
    } == seconds


def test_a_task_can_change_nothing_but_its_temporary_folder(stack: Stack) -> None:
    """It runs as the image's user, without capabilities, on a root file system to be read only."""
    only = container(stack)
    assert only["User"] == dockerfile("USER")
    assert only["ReadonlyRootFilesystem"] is True
    assert only["LinuxParameters"] == {
        "InitProcessEnabled": True,
        "Capabilities": {"Drop": ["ALL"]},
    }
    assert only["MountPoints"] == [{"SourceVolume": "tmp", "ContainerPath": "/tmp"}]
    assert stack["TaskDefinition"]["Volumes"] == [{"Name": "tmp"}]


def test_the_image_declares_the_temporary_folder() -> None:
    """Otherwise Fargate's volume belongs to root, with mode 0755: no upload could be kept."""
    assert "/tmp" in json.loads(dockerfile("VOLUME"))


def test_the_port_is_the_image_s_everywhere(stack: Stack) -> None:
    """Of the container, the target group and whatever security groups let in."""
    port = int(dockerfile("EXPOSE"))
    assert container(stack)["PortMappings"] == [{"ContainerPort": port, "Protocol": "tcp"}]
    assert environment(stack)["PORT"] == str(port)
    for group in stack.of_type("ElasticLoadBalancingV2::TargetGroup").values():
        assert group["Port"] == port
    for balancer in stack["Service"].get("LoadBalancers", []):
        assert balancer["ContainerPort"] == port


def test_every_variable_is_a_setting_that_the_service_takes(stack: Stack) -> None:
    """With a value that it can use."""
    variables = environment(stack)
    assert {name.lower() for name in variables} <= set(Settings.model_fields)
    Settings.from_environment(variables)


def test_times_fit_together(stack: Stack) -> None:
    """A stopping task has more than the graceful timeout; a kept connection outlasts the way in."""
    settings = Settings.from_environment(environment(stack))
    assert settings.graceful_timeout < container(stack)["StopTimeout"] <= 120
    for balancer in stack.of_type("ElasticLoadBalancingV2::LoadBalancer").values():
        idle = attributes(balancer, "LoadBalancerAttributes")["idle_timeout.timeout_seconds"]
        assert int(idle) < settings.keep_alive
    for group in stack.of_type("ElasticLoadBalancingV2::TargetGroup").values():
        delay = attributes(group, "TargetGroupAttributes")["deregistration_delay.timeout_seconds"]
        assert settings.graceful_timeout <= int(delay) <= container(stack)["StopTimeout"]


def test_sizes_are_sold_by_fargate() -> None:
    """Each with the least memory that goes with its cores, and one worker for each core."""
    least = {"256": 512, "512": 1024, "1024": 2048, "2048": 4096, "4096": 8192}
    template = read_template(TEMPLATES["ecs"])
    assert template["Parameters"]["Cpu"]["AllowedValues"] == list(least)
    for cpu, memory in least.items():
        stack = Stack(template, PLAIN | {"Cpu": cpu})
        assert (stack["TaskDefinition"]["Cpu"], stack["TaskDefinition"]["Memory"]) == (
            cpu,
            str(memory),
        )
        assert environment(stack)["WEB_CONCURRENCY"] == str(max(1, int(cpu) // 1024))


REFUSED = [
    "203.0.113.7/0", "1.2.3.4/1", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/7", "10.0.0.0/33",
    "10.0.0.0/08", "01.0.0.0/8", "010.0.0.0/8", "256.0.0.0/8", "10.0.0.300/32",
    "10.0.0/8", "10.0.0.0", "10.0.0.0/", "::/0", "",
    "0.0.0.0/00", "00.0.0.0/0", "0.0.0.0/0,10.0.0.0/8", "10.0.0.0/8\n",
]  # fmt: skip


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_range_is_wider_than_a_first_number(name: str) -> None:
    """Whatever stands before the slash: to AWS 203.0.113.7/0 is the whole world."""
    declared = read_template(TEMPLATES[name])["Parameters"]["AllowedCidr"]
    allowed = re.compile(declared["AllowedPattern"])
    assert [cidr for cidr in REFUSED if allowed.fullmatch(cidr)] == []
    for cidr in ("10.0.0.0/8", "203.0.113.7/32", "192.168.0.0/16", "255.255.255.255/9"):
        assert allowed.fullmatch(cidr)


def test_only_the_load_balancer_reaches_the_tasks() -> None:
    """The tasks' group has one way in, from the load balancer's; that has one way out, to them."""
    for stack in (STACKS["ecs, plain"], FULL):
        tasks, balancer = stack["TaskSecurityGroup"], stack["LoadBalancerSecurityGroup"]
        assert "SecurityGroupIngress" not in tasks
        ways_in = {
            name: rule
            for name, rule in stack.of_type("EC2::SecurityGroupIngress").items()
            if rule["GroupId"] == "ref:TaskSecurityGroup"
        }
        assert {
            name: (rule["SourceSecurityGroupId"], rule["FromPort"], rule["ToPort"])
            for name, rule in ways_in.items()
        } == {"TaskIngress": ("ref:LoadBalancerSecurityGroup", 9696, 9696)}
        (way_out,) = balancer["SecurityGroupEgress"]
        assert way_out["DestinationSecurityGroupId"] == "ref:TaskSecurityGroup"


def test_nobody_is_let_in_by_default(stack: Stack) -> None:
    """AllowedCidr has no default, and no rule lets in anyone else from outside."""
    assert "Default" not in stack.template["Parameters"]["AllowedCidr"]
    rules = [*stack.of_type("EC2::SecurityGroupIngress").values()]
    for group in stack.of_type("EC2::SecurityGroup").values():
        rules += group.get("SecurityGroupIngress", [])
    assert {rule["CidrIp"] for rule in rules if "CidrIp" in rule} == {PLAIN["AllowedCidr"]}


def test_with_a_certificate_there_is_nothing_but_https() -> None:
    """HTTP redirects; TLS 1.2 is the least."""
    http, https = FULL["HttpListener"], FULL["HttpsListener"]
    (action,) = http["DefaultActions"]
    assert action["Type"] == "redirect"
    assert (action["RedirectConfig"]["Protocol"], action["RedirectConfig"]["StatusCode"]) == (
        "HTTPS",
        "HTTP_301",
    )
    assert https["Certificates"] == [{"CertificateArn": CERTIFICATE}]
    assert https["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2")
    assert FULL["NoMetrics"]["ListenerArn"] == "ref:HttpsListener"
    assert STACKS["ecs, plain"]["NoMetrics"]["ListenerArn"] == "ref:HttpListener"


def test_the_whole_world_needs_a_certificate() -> None:
    """A rule of the template; the minimal one can't let in everybody at all."""
    (rule,) = read_template(TEMPLATES["ecs"])["Rules"].values()
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "AllowedCidr"}, "0.0.0.0/0"]}
    assert rule["Assertions"][0]["Assert"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "CertificateArn"}, ""]}]
    }
    for name, world in (("ecs", True), ("ecs-minimal", False)):
        pattern = read_template(TEMPLATES[name])["Parameters"]["AllowedCidr"]["AllowedPattern"]
        assert bool(re.fullmatch(pattern, "0.0.0.0/0")) is world


def test_roles_may_do_what_they_have_to(stack: Stack) -> None:
    """No action has a star, and a resource has one only where AWS knows no narrower."""
    for statement in statements(stack):
        actions = (
            statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        )
        assert not [action for action in actions if "*" in action]
        if statement["Resource"] == "*":
            assert actions == ["ecr:GetAuthorizationToken"]


def test_roles_are_for_tasks_of_this_account(stack: Stack) -> None:
    """Nobody else's task can make ECS assume them."""
    roles = stack.of_type("IAM::Role")
    for name in {"ExecutionRole", "TaskRole", "TrainingRole"} & set(roles):
        (trust,) = roles[name]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": "123456789012"},
            "ArnLike": {"aws:SourceArn": "arn:aws:ecs:us-east-1:123456789012:*"},
        }
        assert "ManagedPolicyArns" not in roles[name]
    assert set(roles) <= {
        "ExecutionRole", "TaskRole", "TrainingRole", "DeploymentRole", "VerdictRole",
    }  # fmt: skip


def test_the_service_itself_may_do_nothing_in_aws(stack: Stack) -> None:
    """What answers customers' records needs no permission, so it has none."""
    role = stack["TaskDefinition"].get("TaskRoleArn")
    assert role in (None, "att:TaskRole.Arn")
    assert "Policies" not in stack.resources.get("TaskRole", {}).get("Properties", {})


def test_the_public_key_is_read_only_where_one_is_named(stack: Stack) -> None:
    """From its secret and no other, into the variable that the service reads."""
    signed = stack.parameters.get("ModelPublicKeySecretArn")
    read = [
        statement
        for statement in statements(stack)
        if statement["Action"] == "secretsmanager:GetSecretValue"
    ]
    assert [item["Resource"] for item in read] == ([signed] if signed else [])
    secrets = [{"Name": "MODEL_PUBLIC_KEY", "ValueFrom": signed}] if signed else []
    assert container(stack).get("Secrets", []) == secrets


def test_a_bad_deployment_goes_back(stack: Stack) -> None:
    """Without ever having fewer tasks than before."""
    configuration = stack["Service"]["DeploymentConfiguration"]
    assert configuration["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert configuration["MinimumHealthyPercent"] == 100
    assert configuration["MaximumPercent"] == 200


def test_a_deployment_does_not_undo_scaling() -> None:
    """A count in the template would be set at each deployment, in the middle of a busy day."""
    for stack in (STACKS["ecs, plain"], FULL):
        assert "DesiredCount" not in stack["Service"]
        assert stack["ScalableTarget"]["MinCapacity"] == "2"


def test_tasks_with_subnets_of_their_own_have_no_public_address() -> None:
    """In the load balancer's they need one, to reach the registry without a NAT gateway."""
    plain, full = (
        item["Service"]["NetworkConfiguration"]["AwsvpcConfiguration"]
        for item in (STACKS["ecs, plain"], FULL)
    )
    assert (plain["AssignPublicIp"], plain["Subnets"]) == ("ENABLED", ["subnet-1", "subnet-2"])
    assert (full["AssignPublicIp"], full["Subnets"]) == ("DISABLED", ["subnet-3", "subnet-4"])


def test_nothing_is_lost_by_an_update(stack: Stack) -> None:
    """What holds data is kept when it is replaced, and data when the stack is deleted."""
    for name, resource in stack.resources.items():
        if resource["Type"] in ("AWS::ECR::Repository", "AWS::S3::Bucket", "AWS::Logs::LogGroup"):
            assert resource["UpdateReplacePolicy"] == "Retain", name
        if resource["Type"] == "AWS::S3::Bucket":
            assert resource["DeletionPolicy"] == "Retain"
    policy = json.loads((ROOT / "deploy/stack-policy.json").read_text())
    (protected,) = (item for item in policy["Statement"] if item["Effect"] == "Deny")
    assert protected["Action"] == ["Update:Replace", "Update:Delete"]
    assert set(protected["Condition"]["StringEquals"]["ResourceType"]) == {
        "AWS::ECR::Repository", "AWS::S3::Bucket", "AWS::Logs::LogGroup",
    }  # fmt: skip


def test_there_is_no_nat_gateway(stack: Stack) -> None:
    """It would cost more than the tasks."""
    assert stack.of_type("EC2::NatGateway") == {}


def test_checkov_is_asked_what_the_make_target_asks() -> None:
    """Every check that is left out has its reason beside it."""
    lines = (ROOT / "deploy/checkov.yaml").read_text().splitlines()
    skipped = [line for line in lines if line.strip().startswith("- CKV")]
    assert skipped
    assert [line for line in skipped if "#" not in line] == []


def test_shellcheck_has_nothing_to_say() -> None:
    """About any script of ours."""
    scripts = [ROOT / ".ci/run", ROOT / "scripts/install-test-tools"]
    linter = Path(sys.executable).with_name("shellcheck")
    completed = subprocess.run([linter, *scripts], capture_output=True, text=True, check=False)
    assert (completed.returncode, completed.stdout) == (0, "")
