"""What deploy/deploy.py does, asks and refuses; AWS is moto's server as it is, the service is real.

The builder here writes down how it is called; real ones are in test_builders.py.
"""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.deploying import (
    CIDR,
    MANIFEST,
    SMALL,
    STACK,
    Account,
    Place,
    commit,
    git,
    index_of,
)
from tests.support.faults import Answer, Call, Forward, refuse
from tests.support.servers import Server
from tests.support.shipped import ROOT

OLD = "0123456789ab-amd64"


def revision(place: Place) -> str:
    """Return what a tag of the checkout's revision begins with."""
    return git(place.checkout, "rev-parse", "HEAD")[:12]


def refused(
    place: Place, capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 2
) -> str:
    """Deploy what must be refused before anything is built or changed; return what is said."""
    template = "" if "--full" in arguments else "--minimal"
    words = [word for word in arguments if word != "--full"]
    before = place.account.stacks()
    assert place.deploy(*words, template=template) == status
    assert place.builds() == []
    assert [stack["Parameters"] for stack in place.account.stacks()] == [
        stack["Parameters"] for stack in before
    ]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("deploy: ")
    return line


@pytest.fixture
def stack(place: Place) -> Account:
    """Return the account with a stack that runs an image for x86-64."""
    place.account.make_stack(SMALL, OLD)
    return place.account


# --- What is deployed -----------------------------------------------------------------------


def test_the_projects_template_is_made_updated_and_rolled_back(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """First without the service; a parameter that is left out stays; the stack's policy is set."""
    first = commit(place.checkout, "one") + "-amd64"
    assert place.deploy(CIDR, "Cpu=1024", template="") == 0, capsys.readouterr().err
    parameters = place.account.parameters()
    assert parameters | {"ImageTag": first, "Cpu": "1024"} == parameters
    policy = place.account.cloud.client("cloudformation").get_stack_policy(StackName=STACK)
    expected = json.loads((ROOT / "deploy/stack-policy.json").read_text())
    assert json.loads(policy["StackPolicyBody"]) == expected

    second = commit(place.checkout, "two") + "-amd64"
    assert place.deploy("MaxTasks=9", template="") == 0, capsys.readouterr().err
    parameters = place.account.parameters()
    assert parameters | {"ImageTag": second, "Cpu": "1024", "MaxTasks": "9"} == parameters

    place.account.put_image(first, index_of("amd64"))
    built = place.builds()
    assert place.deploy("--tag", first, template="") == 0, capsys.readouterr().err
    assert place.account.running() == first
    assert place.builds() == built


def test_the_stacks_address_is_asked_where_none_is_given(
    place: Place,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its name leads to the service here by way of a proxy, as it does in many companies."""
    monkeypatch.delenv("SMOKE_URL")
    monkeypatch.setenv("SMOKE_SECONDS", "60")
    with forward_proxy(server) as (address, request):
        monkeypatch.setenv("http_proxy", address)
        assert place.deploy(CIDR, template="") == 0, capsys.readouterr().err
    (host,) = {url.split("/")[2] for url in request}
    assert host.endswith(".elb.amazonaws.com")
    assert f"is deployed: http://{host}" in capsys.readouterr().out


@contextmanager
def forward_proxy(server: Server) -> Iterator[tuple[str, list[str]]]:
    """Run a proxy that leads every address to the service; yield its own, and what it was asked."""
    request: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(server.get("/" + self.path.split("/", 3)[3]))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._reply(server.post(body, "/" + self.path.split("/", 3)[3]))

        def _reply(self, reply: Any) -> None:
            request.append(self.path)
            self.send_response(reply.status)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}", request
        proxy.shutdown()


def test_a_wrong_answer_brings_back_image_template_and_parameters(
    place: Place,
    stack: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those that the update changed, and no others."""
    monkeypatch.setenv("SMOKE_SEGMENT", "power_user")
    assert place.deploy("LogLevel=debug") == 4
    assert f"does not answer power_user; what ran before runs ({OLD})" in capsys.readouterr().err
    parameters = stack.parameters()
    assert (parameters["ImageTag"], parameters["LogLevel"]) == (OLD, "info")
    template = stack.cloud.client("cloudformation").get_template(StackName=STACK)
    assert template["TemplateBody"] == SMALL.read_text()


def test_a_service_that_cannot_be_asked_is_taken_back(
    place: Place,
    stack: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It did not show that it works."""
    monkeypatch.setenv("SMOKE_URL", "http://127.0.0.1:9")
    assert place.deploy() == 4
    assert "not ready after 0 s" in capsys.readouterr().err
    assert stack.running() == OLD


def test_what_runs_already_is_not_deployed_again(
    place: Place, stack: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudFormation says so, in words that moto does not know; the service is asked anyway."""
    stack.put_image(OLD, MANIFEST)

    def plan(_number: int, call: Call, forward: Forward) -> Answer:
        if call.operation != "UpdateStack":
            return forward()
        error = "<Code>ValidationError</Code><Message>No updates are to be performed.</Message>"
        return Answer(400, f"<ErrorResponse><Error>{error}</Error></ErrorResponse>".encode())

    assert place.deploy("--tag", OLD, plan=plan) == 0
    assert f"nothing to change: {OLD} runs already" in capsys.readouterr().out


def test_the_small_image_has_a_tag_of_its_own_and_stays_what_is_deployed(
    place: Place, stack: Account
) -> None:
    """Until the other one is asked for."""
    commit(place.checkout, "serve")
    assert place.deploy("--target", "serve") == 0
    assert stack.running() == f"{revision(place)}-serve-amd64"
    assert "--target serve" in place.builds()[0]
    commit(place.checkout, "serve again")
    assert place.deploy() == 0
    assert stack.running() == f"{revision(place)}-serve-amd64"
    assert place.deploy("--target", "full") == 0
    assert stack.running() == f"{revision(place)}-amd64"


def test_what_is_not_committed_is_not_deployed(
    place: Place, stack: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless it is allowed; then the tag says so."""
    (place.checkout / "hello").write_text("not committed")
    assert "not committed" in refused(place, capsys)
    assert place.deploy("--allow-dirty") == 0
    assert f"{revision(place)}-dirty-" in stack.running()
    git(place.checkout, "checkout", "--", "hello")


def test_a_dry_run_changes_nothing(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what would be done, for a stack that is to be made, and for one that is there."""
    assert place.deploy(CIDR, "--dry-run", template="") == 0
    steps = [line for line in capsys.readouterr().out.splitlines() if line.startswith("+ ")]
    words = ["make the stack", "builder build", "builder login", "builder push", "update the stack"]
    assert len(steps) == len(words)
    assert all(word in step for word, step in zip(words, steps, strict=True))
    assert place.account.stacks() == []
    place.account.make_stack(SMALL, OLD)
    assert place.deploy("--dry-run") == 0
    assert place.account.running() == OLD
    assert place.builds() == []


# --- Architectures --------------------------------------------------------------------------


def test_an_architecture_that_is_left_out_stays_as_the_stack_has_it(
    place: Place, stack: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever machine it is that deploys."""
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert place.deploy() == 0
    assert "--platform linux/amd64" in place.builds()[0]
    assert stack.parameters()["Architecture"] == "X86_64"


@pytest.mark.parametrize(
    ("machine", "architecture"), [("arm64", "ARM64"), ("aarch64", "ARM64"), ("AMD64", "X86_64")]
)
def test_a_new_stack_is_of_the_architecture_of_the_machine(
    place: Place, monkeypatch: pytest.MonkeyPatch, machine: str, architecture: str
) -> None:
    """As macOS, Linux and Windows spell it."""
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert place.deploy(CIDR) == 0
    assert place.account.parameters()["Architecture"] == architecture


def test_a_revision_is_built_for_each_architecture(place: Place, stack: Account) -> None:
    """One that was pushed for the other is not in the way, though tags never change."""
    commit(place.checkout, "both")
    stack.put_image(f"{revision(place)}-amd64", index_of("amd64"))
    assert place.deploy("Architecture=ARM64") == 0
    assert "--platform linux/arm64" in place.builds()[0]
    assert stack.running() == f"{revision(place)}-arm64"
    assert stack.parameters()["Architecture"] == "ARM64"


@pytest.mark.parametrize(
    ("tag", "manifest"),
    [
        ("4711", index_of("amd64")),
        ("0123456789ab-arm64", index_of("amd64")),
        ("0123456789ab-amd64", MANIFEST),
    ],
    ids=["by its index", "whatever its tag says", "by its tag"],
)
def test_an_image_for_other_processors_is_not_deployed(
    place: Place,
    stack: Account,
    capsys: pytest.CaptureFixture[str],
    tag: str,
    manifest: dict[str, Any],
) -> None:
    """It could not run."""
    stack.put_image(tag, manifest)
    assert "is for amd64" in refused(place, capsys, "--tag", tag, "Architecture=ARM64")
    assert stack.running() == OLD


def test_an_image_for_several_processors_runs_on_either(place: Place, stack: Account) -> None:
    """Attestations in its index are no images."""
    stack.put_image("release", index_of("amd64", "arm64"))
    assert place.deploy("--tag", "release", "Architecture=ARM64") == 0
    assert stack.running() == "release"


@pytest.mark.parametrize(("architecture", "status"), [("amd64", 0), ("arm64", 2)])
def test_an_image_of_another_builder_is_judged_by_its_configuration(
    place: Place, stack: Account, tmp_path: Path, architecture: str, status: int
) -> None:
    """Which ECR hands out by an address; moto does not."""
    (tmp_path / "configuration").write_text(json.dumps({"architecture": architecture}))
    stack.put_image("4711", MANIFEST)
    with files(tmp_path) as address:

        def plan(_number: int, call: Call, forward: Forward) -> Answer:
            if call.operation != "GetDownloadUrlForLayer":
                return forward()
            assert json.loads(call.body)["layerDigest"] == MANIFEST["config"]["digest"]
            answer = {"downloadUrl": f"{address}/configuration", "layerDigest": "x"}
            return Answer(200, json.dumps(answer).encode(), "application/x-amz-json-1.1")

        assert place.deploy("--tag", "4711", plan=plan) == status
    assert stack.running() == ("4711" if status == 0 else OLD)


@contextmanager
def files(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP; yield its address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, directory=str(folder), **more)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_an_image_whose_processors_are_not_known_is_not_deployed(
    place: Place, stack: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither tag, nor index, nor configuration says for which it was built."""
    stack.put_image("4711", MANIFEST)
    assert "the processors of 4711" in refused(place, capsys, "--tag", "4711", status=1)


def test_an_image_that_is_not_there_is_not_deployed(
    place: Place, stack: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is one built under a name that somebody gave."""
    assert "no image" in refused(place, capsys, "--tag", "4711")


# --- What is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fast"], "--fast"),
        (["--tag"], "--tag"),
        (["--tag", ""], "--tag"),
        (["--tag", "a b"], "ImageTag"),
        (["--tag", "x", "--target", "serve"], "not both"),
        (["--target", "tiny"], "tiny"),
        (["ImageTag=1"], "--tag"),
        (["cpu=1"], "cpu=1"),
        (["LogLevel=info", "LogLevel=debug"], "twice"),
        (["--stack", "Capitals"], "lower-case"),
        ([], "AllowedCidr"),
        ([CIDR, "--tag", "x"], "no stack"),
        ([CIDR, "--full", "Cpus=1024"], "no parameter Cpus; it has"),
        ([CIDR, "--full", "Cpu=1000"], "Cpu=1000: has to be one of 256, 512"),
        ([CIDR, "--full", "CpuTarget=95"], "90 or less"),
        ([CIDR, "--full", "CpuTarget=19"], "20 or more"),
        ([CIDR, "--full", "CpuTarget=many"], "a number"),
        ([CIDR, "--full", "CertificateArn=mine"], "ARN of an ACM certificate"),
        ([CIDR, "--full", "VpcId=default"], "id of a vpc"),
        ([CIDR, "--full", "Subnets=subnet-1,first"], "id of a subnet"),
    ],
)
def test_wrong_arguments_are_refused(
    place: Place, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """In one line, before AWS is asked for anything but who we are and whether there is a stack."""
    assert words in refused(place, capsys, *arguments)
    assert set(place.proxy.operations()) <= {"GetCallerIdentity", "DescribeStacks"}


@pytest.mark.parametrize(
    ("cidr", "words"),
    [
        ("203.0.113.7/0", "means 0.0.0.0/0, 4294967296 addresses"),
        ("1.2.3.4/1", "means 0.0.0.0/1"),
        ("203.0.113.7/24", "203.0.113.7/32 for the one"),
        ("0.0.0.0/0", "wider than /8"),
        ("128.0.0.0/1", "wider than /8"),
        ("2.0.0.0/7", "wider than /8"),
        ("203.0.113.256/32", "IPv4 range"),
        ("203.0.113.07/32", "IPv4 range"),
        ("203.0.113.7/33", "IPv4 range"),
        ("::/0", "IPv4 range"),
        ("everybody", "IPv4 range"),
        ("", "IPv4 range"),
    ],
)
@pytest.mark.parametrize("template", ["--minimal", "--full"])
def test_plain_http_is_not_opened_to_the_world(
    place: Place, capsys: pytest.CaptureFixture[str], cidr: str, words: str, template: str
) -> None:
    """However it is written."""
    assert words in refused(place, capsys, template, f"AllowedCidr={cidr}")


def test_the_world_may_connect_over_https_and_only_then(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also if the certificate is taken away later, and the range is not mentioned."""
    acm = place.account.cloud.client("acm")
    arn = acm.request_certificate(DomainName="a.example", ValidationMethod="DNS")["CertificateArn"]
    certificate = f"CertificateArn={arn}"
    assert place.deploy(certificate, "AllowedCidr=0.0.0.0/0", template="") == 0
    place.forget_builds()
    assert "wider than /8" in refused(place, capsys, "--full", "CertificateArn=")
    assert "means 0.0.0.0/1" in refused(place, capsys, "--full", "AllowedCidr=1.2.3.4/1")


def test_an_address_alone_is_a_range_of_one(place: Place) -> None:
    """And blanks around it do no harm."""
    assert place.deploy("AllowedCidr= 203.0.113.7 ") == 0
    assert place.account.parameters()["AllowedCidr"] == "203.0.113.7/32"


@pytest.fixture
def other_vpc(place: Place) -> dict[str, list[str]]:
    """Return subnets by zone letter of a VPC that is not the default one."""
    ec2 = place.account.cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"us-east-1{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("aab")
    ]
    return {"vpc": [vpc], "same zone": subnets[:2], "two zones": subnets[1:]}


def test_subnets_say_which_vpc_it_is(place: Place, other_vpc: dict[str, list[str]]) -> None:
    """The default VPC's are not mixed in."""
    subnets = ",".join(other_vpc["two zones"])
    assert place.deploy(CIDR, f"Subnets={subnets}", template="") == 0
    assert place.account.parameters()["VpcId"] == other_vpc["vpc"][0]
    (payload,) = [call for call in place.proxy.calls if call.operation == "CreateStack"]
    assert payload.parameters()["Subnets"] == subnets


def test_subnets_that_cannot_work_are_refused(
    place: Place, capsys: pytest.CaptureFixture[str], other_vpc: dict[str, list[str]]
) -> None:
    """Of several VPCs, of another than was said, all in one zone, not there, or none said."""
    default = place.account.cloud.network()
    mixed = f"Subnets={default['Subnets']},{other_vpc['two zones'][0]}"
    assert "several VPCs" in refused(place, capsys, CIDR, "--full", mixed)
    faulty = [f"VpcId={default['VpcId']}", f"Subnets={','.join(other_vpc['two zones'])}"]
    assert "and VpcId is" in refused(place, capsys, CIDR, "--full", *faulty)
    one_zone = f"Subnets={','.join(other_vpc['same zone'])}"
    assert "two zones" in refused(place, capsys, CIDR, "--full", one_zone)
    tasks = f"TaskSubnets={other_vpc['two zones'][0]}"
    assert "several VPCs" in refused(place, capsys, CIDR, "--full", tasks)
    assert "not in this region" in refused(place, capsys, CIDR, "Subnets=subnet-0123")
    assert "needs Subnets" in refused(place, capsys, CIDR, f"VpcId={default['VpcId']}")


def test_without_a_default_vpc_subnets_are_needed(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """None is guessed."""
    ec2 = place.account.cloud.client("ec2")
    network = place.account.cloud.network()
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=network["VpcId"])
    assert "no default VPC" in refused(place, capsys, CIDR)


def test_one_template_is_not_put_in_the_place_of_the_other(
    place: Place, stack: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would delete the load balancer, or make one that somebody has to pay for."""
    assert "made with --minimal" in refused(place, capsys, "--full")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("UPDATE_IN_PROGRESS", "wait for it"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "wait for it"),
        ("REVIEW_IN_PROGRESS", "delete the stack"),
        ("ROLLBACK_COMPLETE", "delete it"),
        ("ROLLBACK_FAILED", "delete it"),
        ("CREATE_FAILED", "delete it"),
        ("DELETE_FAILED", "delete it again"),
        ("UPDATE_FAILED", "rollback-stack"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("SOMETHING_NEW", "by hand"),
    ],
)
def test_a_stack_that_takes_no_change_is_left_alone(
    place: Place, stack: Account, capsys: pytest.CaptureFixture[str], status: str, words: str
) -> None:
    """And it is said what to do."""

    def plan(_number: int, call: Call, forward: Forward) -> Answer:
        answer = forward()
        if call.operation == "DescribeStacks":
            return Answer(200, answer.body.replace(b"CREATE_COMPLETE", status.encode()))
        return answer

    place.proxy.reset(plan)
    line = refused(place, capsys, status=1)
    assert f"is in {status}" in line
    assert words in line


@pytest.mark.parametrize("code", ["ValidationError", "AccessDenied", "ExpiredToken", "Throttling"])
def test_only_does_not_exist_means_that_there_is_no_stack(
    place: Place, stack: Account, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    """Whatever else CloudFormation says ends the deployment, not the service."""

    def plan(number: int, call: Call, forward: Forward) -> Answer:
        return (
            refuse(code)(number, call, forward) if call.operation == "DescribeStacks" else forward()
        )

    place.proxy.reset(plan)
    assert code in refused(place, capsys, CIDR, status=1)
    assert stack.running() == OLD


def test_somebody_elses_change_during_a_build_is_not_undone(
    place: Place, stack: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """What would be gone back to is no longer what ran."""

    def plan(_number: int, call: Call, forward: Forward) -> Answer:
        if call.operation == "GetAuthorizationToken":
            stack.update_stack(ImageTag="theirs")
        return forward()

    assert place.deploy(plan=plan) == 1
    assert "somebody changed the stack" in capsys.readouterr().err
    assert stack.running() == "theirs"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMOKE_SECONDS", "soon"),
        ("SMOKE_SECONDS", "-1"),
        ("SMOKE_RECORD", "{"),
        ("SMOKE_RECORD", "[]"),
        ("SMOKE_PATH", "predict"),
        ("BUILDER", "no-such-builder"),
    ],
)
def test_a_wrong_environment_is_refused(
    place: Place,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    """Before minutes of building, not after."""
    monkeypatch.setenv(name, value)
    expected = value if name == "BUILDER" else name
    assert expected in refused(place, capsys, CIDR)


def test_no_region_and_no_credentials_are_said(
    place: Place,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """As what they are."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    environment = {"PATH": str(Path(sys.executable).parent), "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, ROOT / "deploy/deploy.py", "--tag", "x", "--dry-run"]
    key = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    for settings, word in [(key, "region"), ({"AWS_REGION": "us-east-1"}, "credentials")]:
        completed = subprocess.run(
            command, env=environment | settings, capture_output=True, text=True, check=False
        )
        assert completed.returncode == 1
        assert "no access to AWS" in completed.stderr
        assert word in completed.stderr.lower()


def test_a_reader_that_goes_away_does_not_end_a_deployment(place: Place, stack: Account) -> None:
    """``deploy.py | head -1``: the service would be left untested."""
    command = [sys.executable, place.checkout / "deploy/deploy.py", "--minimal", "--stack", STACK]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/"
    ) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert stack.running() == f"{revision(place)}-amd64"


def test_it_says_what_is_missing_where_its_packages_are(tmp_path: Path) -> None:
    """And needs none of them for its help."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    command = [sys.executable, "-IS", tmp_path / "deploy/deploy.py"]
    completed = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    for status in ("0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 ", "130"):
        assert f"\n  {status}" in completed.stdout
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 2
    assert "deploy/requirements.txt" in completed.stderr
    assert len(completed.stderr.splitlines()) == 1
