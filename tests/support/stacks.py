"""The deployment templates, and stacks that are made of them with the parameters of examples."""

from __future__ import annotations

from tests.support.cloudformation import Stack, read_template
from tests.support.shipped import ROOT

TEMPLATES = {path.stem: path for path in (ROOT / "deploy").glob("*.yaml") if "ecs" in path.name}
PLAIN = {
    "VpcId": "vpc-1",
    "Subnets": "subnet-1,subnet-2",
    "AllowedCidr": "203.0.113.7/32",
    "ImageTag": "4711",
}
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
EVERYTHING = PLAIN | {
    "CertificateArn": CERTIFICATE,
    "ModelPublicKeySecretArn": SECRET,
    "AlarmTopicArn": TOPIC,
    "TaskSubnets": "subnet-3,subnet-4",
    "AccessLogs": "true",
    "Cpu": "2048",
}
STACKS = {
    "ecs, plain": Stack(read_template(TEMPLATES["ecs"]), PLAIN),
    "ecs, with everything": Stack(read_template(TEMPLATES["ecs"]), EVERYTHING),
    "ecs-minimal, plain": Stack(read_template(TEMPLATES["ecs-minimal"]), PLAIN),
    "ecs-minimal, signed": Stack(
        read_template(TEMPLATES["ecs-minimal"]), PLAIN | {"ModelPublicKeySecretArn": SECRET}
    ),
}
FULL = STACKS["ecs, with everything"]
REVISIONS = [STACKS["ecs, plain"], FULL]
"""Those whose revisions replace each other before they get traffic; the minimal one has no such."""
