"""The stacks are created, updated and deleted through the AWS CLI, and looked at through boto3.

AWS is moto's server here, a process of its own. It knows nothing of health, time or money, and
does not create some types from a template; they are listed below. Of other types it overlooks
properties. What the template says of both is sent to their services' own interfaces, as it stands
there, and read back; the tests say where.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud import Cloud, running_cloud
from tests.cloudformation import Stack, read_template
from tests.support.shipped import ROOT

LEFT_OUT = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "moto has the service, not the type",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "the same",
    "AWS::CloudWatch::Alarm": "the same",
    "AWS::S3::BucketPolicy": "the same",
}
"""Types of the templates that moto 5.2 can't create, and why."""

NAME = "segmentation"


@dataclass(frozen=True)
class Deployed:
    """A stack in the account, and what its template says."""

    cloud: Cloud
    template: str
    parameters: dict[str, str]

    def deploy(self, **parameters: str) -> Deployed:
        """Create or update it, as the deployment instructions do."""
        given = [f"{name}={value}" for name, value in parameters.items()]
        self.cloud.aws(
            "cloudformation", "deploy",
            "--stack-name", NAME,
            "--template-file", str(ROOT / "deploy" / self.template),
            "--capabilities", "CAPABILITY_IAM",
            "--parameter-overrides", *given,
        )  # fmt: skip
        return Deployed(self.cloud, self.template, self.parameters | parameters)

    def ids(self) -> dict[str, str]:
        """Return the physical names of its resources, by their logical ones."""
        described = self.cloud.client("cloudformation").describe_stack_resources(StackName=NAME)
        return {
            one["LogicalResourceId"]: one.get("PhysicalResourceId", "")
            for one in described["StackResources"]
            if one.get("LogicalResourceId")
        }

    def outputs(self) -> dict[str, str]:
        """Return its outputs."""
        described = self.cloud.client("cloudformation").describe_stacks(StackName=NAME)
        (stack,) = described["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def meant(self) -> Stack:
        """Return what the template says, with the names that the account has given."""
        template = read_template(ROOT / "deploy" / self.template)
        ids = {f"ref:{name}": value for name, value in self.ids().items()}
        balancers = self.cloud.client("elbv2").describe_load_balancers()["LoadBalancers"]
        for balancer in balancers:
            arn = balancer["LoadBalancerArn"]
            ids["att:LoadBalancer.LoadBalancerFullName"] = arn.partition("loadbalancer/")[2]
        if "ref:TargetGroup" in ids:
            full = "targetgroup" + ids["ref:TargetGroup"].partition("targetgroup")[2]
            ids["att:TargetGroup.TargetGroupFullName"] = full
        if "ref:Service" in ids:
            ids["att:Service.Name"] = ids["ref:Service"].rpartition("/")[2]
        if "ref:Bucket" in ids:
            ids["att:Bucket.Arn"] = f"arn:aws:s3:::{ids['ref:Bucket']}"
        return Stack(template, self.parameters, ids)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Return an empty account."""
    with running_cloud(tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Return deploy/ecs.yaml as deploy.sh makes it: first without an image, then with one."""
    with running_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        empty = Deployed(cloud, "ecs.yaml", {})
        first = empty.deploy(**cloud.network(), AllowedCidr="203.0.113.7/32", Cpu="1024")
        yield first.deploy(ImageTag="4711")


def role(deployed: Deployed, name: str) -> list[dict[str, Any]]:
    """Return what a role of the stack is allowed."""
    iam, found = deployed.cloud.client("iam"), deployed.ids()[name]
    statements: list[dict[str, Any]] = []
    for policy in iam.list_role_policies(RoleName=found)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=found, PolicyName=policy)["PolicyDocument"]
        # moto keeps a template's policy as Python's text, and AWS::NoValue in it as None.
        read = ast.literal_eval(document)
        statements += [one for one in read["Statement"] if one]
    return statements


@pytest.mark.parametrize("template", ["ecs.yaml", "ecs-minimal.yaml"])
def test_a_stack_begins_without_a_service_gets_one_and_goes(cloud: Cloud, template: str) -> None:
    """Created, updated with an image, with another, without one, deleted."""
    empty = Deployed(cloud, template, {})
    stack = empty.deploy(**cloud.network(), AllowedCidr="203.0.113.7/32")
    begun = set(stack.ids())
    assert "Service" not in begun
    assert stack.outputs()["RepositoryUri"].endswith(f"/{NAME}")

    stack = stack.deploy(ImageTag="first")
    assert set(stack.ids()) - begun == {"Service", "TaskDefinition"}
    stack = stack.deploy(ImageTag="second")
    ecs = cloud.client("ecs")
    cluster, name = stack.outputs()["ClusterName"], stack.outputs()["ServiceName"]
    (service,) = ecs.describe_services(cluster=cluster, services=[name])["services"]
    assert service["taskDefinition"].endswith(f"/{NAME}:2")

    assert set(stack.deploy(ImageTag="").ids()) == begun
    cloud.aws("cloudformation", "delete-stack", "--stack-name", NAME)
    with pytest.raises(ClientError):
        stack.outputs()
    assert cloud.client("iam").list_roles()["Roles"] == []
    assert cloud.client("ecr").describe_repositories()["repositories"] == []
    kept = cloud.client("s3").list_buckets()["Buckets"]
    assert len(kept) == (1 if template == "ecs.yaml" else 0)


def test_only_the_listed_types_are_left_out(deployed: Deployed) -> None:
    """Whatever else the template has is there."""
    wanted = {name: one["Type"] for name, one in deployed.meant().resources.items()}
    missing = {kind for name, kind in wanted.items() if name not in deployed.ids()}
    assert missing == set(LEFT_OUT)


def test_images_are_scanned_and_keep_their_tags(deployed: Deployed) -> None:
    """A tag means one image for ever; what is untagged, or older than twenty others, goes."""
    ecr = deployed.cloud.client("ecr")
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
    assert [one["selection"]["tagStatus"] for one in rules["rules"]] == ["untagged", "any"]


def test_the_bucket_is_private_encrypted_and_versioned(deployed: Deployed) -> None:
    """And is spoken to over TLS alone."""
    s3, bucket = deployed.cloud.client("s3"), deployed.ids()["Bucket"]
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
    kept = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    (denied,) = (one for one in kept["Statement"] if one["Effect"] == "Deny")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["Resource"] == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


def test_security_groups_lead_from_outside_to_the_tasks(deployed: Deployed) -> None:
    """Clients to the load balancer, the load balancer to the tasks; moto overlooks ways out."""
    ids = deployed.ids()
    balancer, tasks = ids["LoadBalancerSecurityGroup"], ids["TaskSecurityGroup"]
    described = deployed.cloud.client("ec2").describe_security_groups(GroupIds=[balancer, tasks])
    groups = {one["GroupId"]: one for one in described["SecurityGroups"]}

    def ways_in(group: str) -> list[tuple[int, list[str], list[str]]]:
        return [
            (
                rule["FromPort"],
                [one["CidrIp"] for one in rule["IpRanges"]],
                [one["GroupId"] for one in rule["UserIdGroupPairs"]],
            )
            for rule in groups[group]["IpPermissions"]
        ]

    assert ways_in(balancer) == [(80, ["203.0.113.7/32"], [])]
    assert ways_in(tasks) == [(9696, [], [balancer])]


def test_roles_are_as_narrow_as_the_template_says(deployed: Deployed) -> None:
    """Started with its own repository and log, trained with the bucket, run with nothing."""
    ids = deployed.ids()
    started = {str(one["Action"]): one["Resource"] for one in role(deployed, "ExecutionRole")}
    assert started.pop("ecr:GetAuthorizationToken") == "*"
    assert {str(resource).rstrip(":*") for resource in started.values()} == {
        f"arn:aws:ecr:us-east-1:123456789012:repository/{NAME}",
        f"arn:aws:logs:us-east-1:123456789012:log-group:/ecs/{NAME}",
    }
    assert role(deployed, "TaskRole") == []
    trained = {one["Action"]: one["Resource"] for one in role(deployed, "TrainingRole")}
    bucket = f"arn:aws:s3:::{ids['Bucket']}"
    assert trained == {
        "s3:GetObject": f"{bucket}/data/*",
        "s3:PutObject": f"{bucket}/models/*",
        "s3:ListBucket": bucket,
    }


def test_the_target_group_asks_whether_the_model_is_ready(deployed: Deployed) -> None:
    """Often enough to notice within half a minute."""
    elb = deployed.cloud.client("elbv2")
    (group,) = elb.describe_target_groups()["TargetGroups"]
    assert (group["TargetType"], group["Protocol"], group["Port"]) == ("ip", "HTTP", 9696)
    assert (group["HealthCheckPath"], group["Matcher"]["HttpCode"]) == ("/readyz", "200")
    assert group["HealthCheckIntervalSeconds"] * group["UnhealthyThresholdCount"] <= 30
    wanted = deployed.meant()["TargetGroup"]["TargetGroupAttributes"]
    elb.modify_target_group_attributes(TargetGroupArn=group["TargetGroupArn"], Attributes=wanted)
    kept = elb.describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"])
    values = {one["Key"]: one["Value"] for one in kept["Attributes"]}
    assert values["deregistration_delay.timeout_seconds"] == "30"


def test_the_load_balancer_hides_the_metrics(deployed: Deployed) -> None:
    """Everything else goes to the tasks."""
    elb = deployed.cloud.client("elbv2")
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    assert deployed.outputs()["Url"] == f"http://{balancer['DNSName']}"
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    actions = {one["Priority"]: one["Actions"][0]["Type"] for one in rules}
    assert actions == {"1": "fixed-response", "default": "forward"}


def test_the_load_balancer_takes_its_attributes(deployed: Deployed) -> None:
    """Moto doesn't read them from a template; its own interface takes them as they stand there."""
    elb, arn = deployed.cloud.client("elbv2"), deployed.ids()["LoadBalancer"]
    wanted = deployed.meant()["LoadBalancer"]["LoadBalancerAttributes"]
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=wanted)
    kept = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    values = {one["Key"]: one["Value"] for one in kept}
    assert values["idle_timeout.timeout_seconds"] == "60"
    assert values["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert values["access_logs.s3.enabled"] == "false"


def test_the_task_definition_is_complete(deployed: Deployed) -> None:
    """ECS's own interface takes it as it stands in the template, and gives it back."""
    properties = deployed.meant()["TaskDefinition"]
    registered = deployed.cloud.client("ecs").register_task_definition(**camel(properties))
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
    scaling, meant = deployed.cloud.client("application-autoscaling"), deployed.meant()
    target = numbers(meant["ScalableTarget"])
    where = {key: target[key] for key in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
    limits = {key: int(target[key]) for key in ("MinCapacity", "MaxCapacity")}
    scaling.register_scalable_target(**where, **limits)
    for policy in meant.of_type("ApplicationAutoScaling::ScalingPolicy").values():
        name = "TargetTrackingScalingPolicyConfiguration"
        followed = {key: policy[key] for key in ("PolicyName", "PolicyType")}
        scaling.put_scaling_policy(**where, **followed, **{name: numbers(policy[name])})
    kept = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    aims = {}
    for one in kept:
        followed = one["TargetTrackingScalingPolicyConfiguration"]
        metric = followed["PredefinedMetricSpecification"]
        aims[metric["PredefinedMetricType"]] = (
            followed["TargetValue"],
            metric.get("ResourceLabel"),
        )
    label = aims["ALBRequestCountPerTarget"][1]
    assert aims == {
        "ECSServiceAverageCPUUtilization": (60.0, None),
        "ALBRequestCountPerTarget": (12000.0, label),
    }
    assert label.startswith("app/")
    assert "/targetgroup/" in label


def test_alarms_are_about_this_load_balancer(deployed: Deployed) -> None:
    """CloudWatch takes all four as they stand in the template."""
    watch, meant = deployed.cloud.client("cloudwatch"), deployed.meant()
    for name, alarm in meant.of_type("CloudWatch::Alarm").items():
        threshold = {"Threshold": float(alarm["Threshold"])}
        watch.put_metric_alarm(AlarmName=name, **(alarm | threshold))
    alarms = watch.describe_alarms(AlarmNames=list(meant.of_type("CloudWatch::Alarm")))
    kept = {one["AlarmName"]: one for one in alarms["MetricAlarms"]}
    assert {name: one.get("MetricName") for name, one in kept.items()} == {
        "ErrorsAlarm": None,
        "LoadBalancerErrorsAlarm": "HTTPCode_ELB_5XX_Count",
        "LatencyAlarm": "TargetResponseTime",
        "UnhealthyAlarm": "UnHealthyHostCount",
    }
    assert kept["LatencyAlarm"]["ExtendedStatistic"] == "p99"
    full = deployed.ids()["LoadBalancer"].partition("loadbalancer/")[2]
    for name in ("LoadBalancerErrorsAlarm", "LatencyAlarm", "UnhealthyAlarm"):
        dimensions = {one["Name"]: one["Value"] for one in kept[name]["Dimensions"]}
        assert dimensions["LoadBalancer"] == full


def test_logs_end(deployed: Deployed) -> None:
    """After the days that a parameter says."""
    (group,) = deployed.cloud.client("logs").describe_log_groups()["logGroups"]
    assert group["logGroupName"] == f"/ecs/{NAME}"
    assert group["retentionInDays"] == 30


def test_with_a_certificate_there_are_two_listeners(cloud: Cloud) -> None:
    """The way in by HTTPS is opened, and HTTP only redirects."""
    asked = cloud.client("acm").request_certificate(DomainName="score.example.com")
    empty = Deployed(cloud, "ecs.yaml", {})
    stack = empty.deploy(
        **cloud.network(), AllowedCidr="0.0.0.0/0", CertificateArn=asked["CertificateArn"]
    )
    elb = cloud.client("elbv2")
    listeners = elb.describe_listeners(LoadBalancerArn=stack.ids()["LoadBalancer"])["Listeners"]
    actions = {one["Port"]: one["DefaultActions"][0]["Type"] for one in listeners}
    assert actions == {80: "redirect", 443: "forward"}
    assert "HttpsIngress" in stack.ids()
    assert stack.outputs()["Url"].startswith("https://")
