"""deploy/ecs.yaml is created on AWS's own interfaces, and looked at through boto3.

AWS is moto here, as it comes. It knows nothing of health, time, traffic or money, does not create
some types from a template, which are listed below, and can't update these templates at all: what a
deployment does to a running stack is tested with the program that deploys. Of other types moto
overlooks properties. What the template says of both is sent to their services' own interfaces, as
it stands there, and read back; the tests say where.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError

from tests.support.deployed import NAME, Deployed, create
from tests.support.moto_server import empty_account

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS:UserWarning:moto")
LEFT_OUT = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "moto has the service, not the type",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "the same",
    "AWS::CloudWatch::Alarm": "the same",
    "AWS::Logs::MetricFilter": "the same",
    "AWS::S3::BucketPolicy": "the same",
}
"""Types of the templates that moto 5.2 can't create, and why."""


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    """Return deploy/ecs.yaml with a service."""
    with empty_account() as started:
        yield create(started, "ecs.yaml", Cpu="1024", ImageTag="4711")


def role(deployed: Deployed, name: str) -> list[dict[str, Any]]:
    """Return what a role of the stack is allowed."""
    iam, result = deployed.account.client("iam"), deployed.ids()[name]
    statements: list[dict[str, Any]] = []
    for policy in iam.list_role_policies(RoleName=result)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=result, PolicyName=policy)["PolicyDocument"]
        # moto keeps a template's policy as Python's text, and AWS::NoValue in it as None.
        read = ast.literal_eval(document)
        statements += [item for item in read["Statement"] if item]
    return statements


def test_only_the_listed_types_are_left_out(deployed: Deployed) -> None:
    """Whatever else the template has is there."""
    expected = {name: item["Type"] for name, item in deployed.meant().resources.items()}
    missing = {kind for name, kind in expected.items() if name not in deployed.ids()}
    assert missing == set(LEFT_OUT)


def test_images_are_scanned_and_keep_their_tags(deployed: Deployed) -> None:
    """A tag means one image for ever; what is untagged goes, and what is older than twenty others.

    Twenty for each kind of processors, as a revision may have an image for both.
    """
    ecr = deployed.account.client("ecr")
    (repository,) = ecr.describe_repositories()["repositories"]
    assert repository["repositoryName"] == NAME
    assert repository["imageTagMutability"] == "IMMUTABLE"
    meant = deployed.meant()["Repository"]  # moto overlooks the rest
    scanned = {"scanOnPush": meant["ImageScanningConfiguration"]["ScanOnPush"]}
    ecr.put_image_scanning_configuration(repositoryName=NAME, imageScanningConfiguration=scanned)
    (repository,) = ecr.describe_repositories()["repositories"]
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    policy = meant["LifecyclePolicy"]["LifecyclePolicyText"]
    ecr.put_lifecycle_policy(repositoryName=NAME, lifecyclePolicyText=policy)
    rules = json.loads(ecr.get_lifecycle_policy(repositoryName=NAME)["lifecyclePolicyText"])
    stored = [
        (rule["selection"]["tagStatus"], rule["selection"]["countNumber"])
        for rule in rules["rules"]
    ]
    assert stored == [("untagged", 1), ("tagged", 20), ("tagged", 20), ("any", 100)]


def test_the_bucket_is_private_encrypted_and_versioned(deployed: Deployed) -> None:
    """And is spoken to over TLS alone."""
    s3, bucket = deployed.account.client("s3"), deployed.ids()["Bucket"]
    meant = deployed.meant()
    s3.put_public_access_block(  # moto overlooks it in a template
        Bucket=bucket,
        PublicAccessBlockConfiguration=meant["Bucket"]["PublicAccessBlockConfiguration"],
    )
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert block == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    s3.put_bucket_versioning(  # this, too
        Bucket=bucket, VersioningConfiguration=meant["Bucket"]["VersioningConfiguration"]
    )
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"

    policy = meant["BucketPolicy"]
    s3.put_bucket_policy(Bucket=policy["Bucket"], Policy=json.dumps(policy["PolicyDocument"]))
    content = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    (denied,) = (item for item in content["Statement"] if item["Effect"] == "Deny")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["Resource"] == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


def test_security_groups_lead_from_outside_to_the_tasks(deployed: Deployed) -> None:
    """Clients to the load balancer, the load balancer to the tasks; moto overlooks ways out."""
    ids = deployed.ids()
    balancer, tasks = ids["LoadBalancerSecurityGroup"], ids["TaskSecurityGroup"]
    described = deployed.account.client("ec2").describe_security_groups(GroupIds=[balancer, tasks])
    groups = {item["GroupId"]: item for item in described["SecurityGroups"]}

    def ways_in(group: str) -> list[tuple[int, list[str], list[str]]]:
        return [
            (
                rule["FromPort"],
                [item["CidrIp"] for item in rule["IpRanges"]],
                [pair["GroupId"] for pair in rule["UserIdGroupPairs"]],
            )
            for rule in groups[group]["IpPermissions"]
        ]

    assert ways_in(balancer) == [(port, ["203.0.113.7/32"], []) for port in (80, 9000)]
    assert ways_in(tasks) == [(9696, [], [balancer])]


def test_roles_are_as_narrow_as_the_template_says(deployed: Deployed) -> None:
    """Started with its own repository and log, trained with the bucket, run with nothing.

    And replaced with one question, about verdicts of this stack.
    """
    ids = deployed.ids()
    started = {str(item["Action"]): item["Resource"] for item in role(deployed, "ExecutionRole")}
    assert started.pop("ecr:GetAuthorizationToken") == "*"
    assert {str(resource).rstrip(":*") for resource in started.values()} == {
        f"arn:aws:ecr:us-east-1:123456789012:repository/{NAME}",
        f"arn:aws:logs:us-east-1:123456789012:log-group:/ecs/{NAME}",
    }
    assert role(deployed, "TaskRole") == []
    (request,) = role(deployed, "DeploymentRole")
    assert (request["Action"], request["Resource"].split(":")[2]) == (
        "lambda:InvokeFunction",
        "lambda",
    )
    read, _log = role(deployed, "VerdictRole")
    assert read["Resource"].endswith(f":parameter/segmentation/{NAME}/verdict/*")
    trained = {
        item_value["Action"]: item_value["Resource"]
        for item_value in role(deployed, "TrainingRole")
    }
    bucket = f"arn:aws:s3:::{ids['Bucket']}"
    assert trained == {
        "s3:GetObject": [f"{bucket}/data/*", f"{bucket}/models/*"],
        "s3:PutObject": f"{bucket}/models/*",
        "s3:ListBucket": bucket,
    }


def test_both_target_groups_ask_whether_the_model_is_ready(deployed: Deployed) -> None:
    """Often enough to notice within half a minute."""
    elb, meant = deployed.account.client("elbv2"), deployed.meant()
    groups = elb.describe_target_groups()["TargetGroups"]
    assert len(groups) == 2
    for group in groups:
        assert (group["TargetType"], group["Protocol"], group["Port"]) == ("ip", "HTTP", 9696)
        assert (group["HealthCheckPath"], group["Matcher"]["HttpCode"]) == ("/readyz", "200")
        assert group["HealthCheckIntervalSeconds"] * group["UnhealthyThresholdCount"] <= 30
        target_group_attributes = meant["TargetGroup"]["TargetGroupAttributes"]
        elb.modify_target_group_attributes(
            TargetGroupArn=group["TargetGroupArn"], Attributes=target_group_attributes
        )
        stored = elb.describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"])
        values = {attribute["Key"]: attribute["Value"] for attribute in stored["Attributes"]}
        assert values["deregistration_delay.timeout_seconds"] == "30"


def test_clients_and_the_smoke_test_reach_different_groups_and_no_metrics(
    deployed: Deployed,
) -> None:
    """Until ECS moves the weights; every other path leads to tasks."""
    elb, ids = deployed.account.client("elbv2"), deployed.ids()
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    assert deployed.outputs()["Url"] == f"http://{balancer['DNSName']}"
    assert deployed.outputs()["TestUrl"] == f"http://{balancer['DNSName']}:9000"
    led = {}
    for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])[
        "Listeners"
    ]:
        rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
        by_priority = {rule["Priority"]: rule for rule in rules}
        assert set(by_priority) == {"1", "10", "default"}
        assert by_priority["1"]["Actions"][0]["Type"] == "fixed-response"
        (action,) = by_priority["10"]["Actions"]
        led[listener["Port"]] = {
            group["TargetGroupArn"]: int(group["Weight"])
            for group in action["ForwardConfig"]["TargetGroups"]
        }
    first, second = ids["TargetGroup"], ids["AlternateTargetGroup"]
    assert led == {80: {first: 100, second: 0}, 9000: {first: 0, second: 100}}


def test_a_deployment_is_what_ecs_takes_for_blue_and_green(deployed: Deployed) -> None:
    """boto3 knows every name and type in it; moto keeps none of it, and AWS alone what it means."""
    ecs, properties = deployed.account.client("ecs"), camel(deployed.meant()["Service"])
    configuration = properties["deploymentConfiguration"]
    configuration["bakeTimeInMinutes"] = int(configuration["bakeTimeInMinutes"])
    payload = ("cluster", "launchType", "deploymentConfiguration", "loadBalancers")
    created = ecs.create_service(
        serviceName="another",
        taskDefinition=NAME,
        desiredCount=1,
        **{key: properties[key] for key in payload},
    )
    assert created["service"]["status"] == "ACTIVE"
    with pytest.raises(ParamValidationError, match="lifecycleHoks"):
        ecs.update_service(
            cluster=properties["cluster"],
            service="another",
            deploymentConfiguration=configuration | {"lifecycleHoks": []},
        )


def test_the_function_is_there(deployed: Deployed) -> None:
    """With its role and the log of the stack."""
    function = deployed.account.client("lambda").list_functions()["Functions"][0]
    assert (function["Runtime"], function["Handler"]) == ("python3.13", "index.handler")
    assert function["Role"].rpartition("/")[2] == deployed.ids()["VerdictRole"]


def test_metric_filters_and_the_dashboard_are_taken(deployed: Deployed) -> None:
    """By CloudWatch's own interfaces; the dashboard by the template."""
    logs, meant = deployed.account.client("logs"), deployed.meant()
    for name, created in meant.of_type("Logs::MetricFilter").items():
        logs.put_metric_filter(
            logGroupName=created["LogGroupName"],
            filterName=name,
            filterPattern=created["FilterPattern"],
            metricTransformations=[
                camel(transformation) for transformation in created["MetricTransformations"]
            ],
        )
    assert len(logs.describe_metric_filters()["metricFilters"]) == 6
    watch = deployed.account.client("cloudwatch")
    body = json.loads(watch.get_dashboard(DashboardName=NAME)["DashboardBody"])
    assert len(body["widgets"]) == 9


def test_the_load_balancer_takes_its_attributes(deployed: Deployed) -> None:
    """Moto doesn't read them from a template; its own interface takes them as they stand there."""
    elb, arn = deployed.account.client("elbv2"), deployed.ids()["LoadBalancer"]
    load_balancer_attributes = deployed.meant()["LoadBalancer"]["LoadBalancerAttributes"]
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=load_balancer_attributes)
    attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    values = {item["Key"]: item["Value"] for item in attributes}
    assert values["idle_timeout.timeout_seconds"] == "60"
    assert values["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert values["access_logs.s3.enabled"] == "false"


def test_the_task_definition_is_complete(deployed: Deployed) -> None:
    """ECS's own interface takes it as it stands in the template, and gives it back."""
    properties = deployed.meant()["TaskDefinition"]
    registered = deployed.account.client("ecs").register_task_definition(**camel(properties))
    definition = registered["taskDefinition"]
    assert definition["requiresCompatibilities"] == ["FARGATE"]
    assert (definition["cpu"], definition["memory"]) == ("1024", "2048")
    (only,) = definition["containerDefinitions"]
    assert only["readonlyRootFilesystem"] is True
    assert only["user"] == "10001:10001"
    assert only["logConfiguration"]["options"]["awslogs-group"] == f"/ecs/{NAME}"
    assert only["healthCheck"]["command"][0] == "CMD"


def camel(node: Any) -> Any:
    """Spell a template's keys as ECS's interface does; a map's own keys stay."""
    if isinstance(node, list):
        return [camel(item) for item in node]
    if not isinstance(node, dict):
        return node
    if any(key.startswith("awslogs-") for key in node):
        return node
    return {key[0].lower() + key[1:]: camel(value) for key, value in node.items()}


def numbers(node: Any) -> Any:
    """Turn a template's numbers, which are text after all references, into numbers."""
    if isinstance(node, dict):
        return {key: numbers(value) for key, value in node.items()}
    return float(node) if isinstance(node, str) and node.replace(".", "").isdigit() else node


def test_scaling_follows_cpu_and_requests(deployed: Deployed) -> None:
    """Application Auto Scaling takes target and policies as they stand in the template."""
    scaling, meant = deployed.account.client("application-autoscaling"), deployed.meant()
    target = numbers(meant["ScalableTarget"])
    where = {key: target[key] for key in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
    limits = {key: int(target[key]) for key in ("MinCapacity", "MaxCapacity")}
    scaling.register_scalable_target(**where, **limits)
    for policy in meant.of_type("ApplicationAutoScaling::ScalingPolicy").values():
        name = "TargetTrackingScalingPolicyConfiguration"
        followed = {key: policy[key] for key in ("PolicyName", "PolicyType")}
        scaling.put_scaling_policy(**where, **followed, **{name: numbers(policy[name])})
    scaling_policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert {item_value["PolicyName"] for item_value in scaling_policies} == {"cpu", "requests"}
    (requests,) = (item for item in scaling_policies if item["PolicyName"] == "requests")
    followed = requests["TargetTrackingScalingPolicyConfiguration"]
    assert followed["TargetValue"] == 12000
    metrics = followed["CustomizedMetricSpecification"]["Metrics"]
    assert [metric["Id"] for metric in metrics if metric.get("ReturnData")] == ["requests"]


def test_alarms_are_taken_by_cloudwatch(deployed: Deployed) -> None:
    """As they stand in the template; they are about this load balancer and both target groups."""
    watch, meant = deployed.account.client("cloudwatch"), deployed.meant()
    for name, alarm in meant.of_type("CloudWatch::Alarm").items():
        threshold = {"Threshold": float(alarm["Threshold"])}
        watch.put_metric_alarm(AlarmName=name, **(alarm | threshold))
    alarms = watch.describe_alarms(AlarmNames=list(meant.of_type("CloudWatch::Alarm")))
    stored = {item["AlarmName"]: item for item in alarms["MetricAlarms"]}
    assert {name: item_entry.get("MetricName") for name, item_entry in stored.items()} == {
        "NoHealthyTaskAlarm": None,
        "UnhealthyAlarm": None,
        "ErrorsAlarm": None,
        "LoadBalancerErrorsAlarm": "HTTPCode_ELB_5XX_Count",
        "LatencyAlarm": "TargetResponseTime",
    }
    assert stored["LatencyAlarm"]["ExtendedStatistic"] == "p99"
    ids = deployed.ids()
    full = ids["LoadBalancer"].partition("loadbalancer/")[2]
    groups = {
        "targetgroup" + ids[name].partition("targetgroup")[2]
        for name in ("TargetGroup", "AlternateTargetGroup")
    }
    for name, alarm in stored.items():
        metrics = [
            item_value["MetricStat"]["Metric"]
            for item_value in alarm.get("Metrics", [])
            if "MetricStat" in item_value
        ]
        dimensions = [
            (dimension["Name"], dimension["Value"])
            for metric in metrics or [alarm]
            for dimension in metric["Dimensions"]
        ]
        assert {value for key, value in dimensions if key == "LoadBalancer"} == {full}
        if "Health" in name or "healthy" in name:
            assert {value for key, value in dimensions if key == "TargetGroup"} == groups


def test_logs_end(deployed: Deployed) -> None:
    """After the days that a parameter says."""
    (group,) = deployed.account.client("logs").describe_log_groups()["logGroups"]
    assert group["logGroupName"] == f"/ecs/{NAME}"
    assert group["retentionInDays"] == 30
