#!/usr/bin/env bash
# Builds the image of this revision, pushes it, deploys it, asks it something, and goes back to what
# ran before if it does not answer right.
#
#   deploy/deploy.sh [--stack NAME] [--minimal] [--tag TAG] [--allow-dirty] [--no-smoke] [--dry-run]
#                    [PARAMETER=VALUE ...]
#
#   --stack NAME    the stack, made if there is none (default: segmentation)
#   --minimal       deploy/ecs-minimal.yaml instead of deploy/ecs.yaml
#   --tag TAG       deploy an image that is in the repository, and build none: a rollback
#   --allow-dirty   build what is not committed, too; the tag says so
#   --no-smoke      ask nothing afterwards: where this machine is not in AllowedCidr
#   --dry-run       change nothing; print what would be run
#
# Parameters are the template's. Those that are left out stay as they are; a new stack needs
# AllowedCidr, and takes the default VPC and two of its subnets unless VpcId and Subnets say otherwise.
#
# Environment: AWS's own (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL ...); BUILDER (docker, podman or
# buildah; the first that is there); SMOKE_URL (default: the stack's), SMOKE_SECONDS (default: 120),
# SMOKE_PATH, SMOKE_RECORD and SMOKE_SEGMENT: a record, and the segment that it has to get.
#
# Exit status: 0 deployed; 1 build, push or access failed, nothing was changed; 2 wrong arguments, tree
# or tools; 3 the deployment failed and CloudFormation went back; 4 the smoke test failed and we went
# back; 5 we couldn't go back.
set -euo pipefail

stack=segmentation template=ecs.yaml tag="" allow_dirty="" smoke=yes dry_run=""
parameters=()
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

SMOKE_PATH=${SMOKE_PATH:-/studies/mobile/predict}
SMOKE_RECORD=${SMOKE_RECORD:-'{"app_usage_min_per_day": 310, "screen_on_hours_per_day": 6.1, "apps_installed": 64}'}
SMOKE_SEGMENT=${SMOKE_SEGMENT:-brand_loyalist}
SMOKE_SECONDS=${SMOKE_SECONDS:-120}

say() { echo "deploy: $*"; }

fail() {
  local status=$1
  shift
  echo "deploy: $*" >&2
  exit "$status"
}

# Runs what changes something, or says what it would be. Its output goes to a log: if it fails, the
# log's last line is the reason.
change() {
  if [[ $dry_run ]]; then
    printf '+'
    printf ' %q' "$@"
    printf '\n'
    return
  fi
  "$@" >"$scratch/log" 2>&1
}

reason() { grep -v '^[[:space:]]*$' "$scratch/log" | tail -n 1; }

# What a query of a stack's description gives, and nothing instead of None.
describe() {
  local found
  found=$(aws cloudformation describe-stacks --stack-name "$stack" --query "Stacks[0].$1" \
    --output text 2>"$scratch/log") || return
  [[ $found == None ]] || echo "$found"
}

output() { describe "Outputs[?OutputKey=='$1'].OutputValue | [0]"; }

given() {
  local one
  for one in "${parameters[@]}"; do
    [[ $one != "$1="* ]] || { echo "${one#*=}"; return; }
  done
}

read_arguments() {
  while (($#)); do
    case $1 in
      --stack | --tag)
        [[ ${2:-} ]] || fail 2 "$1 needs a value"
        [[ $1 == --stack ]] && stack=$2 || tag=$2
        shift
        ;;
      --minimal) template=ecs-minimal.yaml ;;
      --allow-dirty) allow_dirty=yes ;;
      --no-smoke) smoke="" ;;
      --dry-run) dry_run=yes ;;
      -h | --help)
        sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit
        ;;
      ImageTag=*) fail 2 "the tag is the revision; an image that is there is chosen with --tag" ;;
      [A-Z]*=*) parameters+=("$1") ;;
      *) fail 2 "$1 is neither an option nor PARAMETER=VALUE; --help lists them" ;;
    esac
    shift
  done
  [[ $stack =~ ^[a-z][a-z0-9-]*$ ]] ||
    fail 2 "a stack's name has lower-case letters, digits and hyphens: its repository has it, too"
}

check_tools() {
  local tool
  for tool in aws git curl; do
    command -v "$tool" >/dev/null || fail 2 "$tool is not installed"
  done
  [[ $tag ]] && return
  if [[ -z ${BUILDER:-} ]]; then
    for tool in docker podman buildah; do
      command -v "$tool" >/dev/null && BUILDER=$tool && break
    done
  fi
  command -v "${BUILDER:-no builder}" >/dev/null || fail 2 "docker, podman or buildah has to be there"
}

choose_tag() {
  [[ $tag ]] && return
  tag=$(git -C "$root" rev-parse --short=12 HEAD) || fail 2 "$root is no git repository"
  [[ $(git -C "$root" status --porcelain) ]] || return 0
  [[ $allow_dirty ]] || fail 2 "there are changes that are not committed; commit them, or --allow-dirty"
  tag+=-dirty-$(date -u +%Y%m%d%H%M%S)
}

choose_architecture() {
  architecture=$(given Architecture)
  if [[ -z $architecture ]]; then
    case $(uname -m) in
      arm64 | aarch64) architecture=ARM64 ;;
      *) architecture=X86_64 ;;
    esac
    # An image that is there already is of the architecture that the stack has.
    [[ $built_before ]] || parameters+=("Architecture=$architecture")
  fi
}

choose_network() {
  [[ $(given AllowedCidr) ]] || fail 2 "a new stack needs AllowedCidr=..., who may connect"
  [[ $(given VpcId) ]] && return
  local vpc subnets
  vpc=$(aws ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[0].VpcId' --output text)
  [[ $vpc != None ]] || fail 2 "there is no default VPC; name one with VpcId=... Subnets=..."
  # Two zones: each has an address of the load balancer, which costs as much as a small task.
  subnets=$(aws ec2 describe-subnets --filters "Name=vpc-id,Values=$vpc" Name=default-for-az,Values=true \
    --query 'sort_by(Subnets, &AvailabilityZone)[:2].SubnetId' --output text | tr '[:space:]' ,)
  parameters+=("VpcId=$vpc" "Subnets=${subnets%,}")
}

# An update that breaks off leaves the stack as it was; what it would lose is protected on top.
deploy() {
  local file=$1
  shift
  change aws cloudformation deploy --stack-name "$stack" --template-file "$file" \
    --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset --parameter-overrides "$@"
}

why_it_failed() {
  aws cloudformation describe-stack-events --stack-name "$stack" --output text --query \
    "StackEvents[?ends_with(ResourceStatus, '_FAILED')] | [0].join(': ', [LogicalResourceId, ResourceStatusReason || 'no reason'])" \
    2>/dev/null || reason
}

make_stack() {
  choose_network
  say "making the stack $stack, without the service; about 4 minutes"
  deploy "$here/$template" ImageTag= "${parameters[@]}" || fail 3 "making the stack failed: $(why_it_failed)"
  change aws cloudformation set-stack-policy --stack-name "$stack" \
    --stack-policy-body "file://$here/stack-policy.json" || fail 1 "the stack policy: $(reason)"
}

find_repository() {
  repository=$(output RepositoryUri) || true
  [[ $repository || ! $dry_run ]] || repository="REGISTRY/$stack"
  [[ $repository ]] || fail 1 "the stack $stack has no repository"
}

is_pushed() {
  aws ecr describe-images --repository-name "$stack" --image-ids "imageTag=$tag" >/dev/null 2>&1
}

build() {
  local platform=linux/amd64
  [[ $architecture == ARM64 ]] && platform=linux/arm64
  say "building $tag for $platform with ${BUILDER##*/}"
  change "$BUILDER" build --platform "$platform" --build-arg "REVISION=$(git -C "$root" rev-parse HEAD)" \
    --build-arg "VERSION=$tag" --tag "$repository:$tag" "$root" || fail 1 "the build failed: $(reason)"
}

push() {
  local registry=${repository%%/*}
  say "pushing to $repository"
  if [[ $dry_run ]]; then
    echo "+ aws ecr get-login-password | $BUILDER login --username AWS --password-stdin $registry"
  else
    # From pipe to pipe: the password is in no list of processes.
    aws ecr get-login-password 2>"$scratch/log" |
      "$BUILDER" login --username AWS --password-stdin "$registry" >>"$scratch/log" 2>&1 ||
      fail 1 "the registry does not let us in: $(reason)"
  fi
  change "$BUILDER" push "$repository:$tag" || fail 1 "the push failed: $(reason)"
}

# Template and parameters as they are now.
remember() {
  before=()
  local line
  while read -r line; do
    [[ $line ]] && before+=("$line")
  done < <(describe "Parameters[].join('=', [ParameterKey, ParameterValue])" | tr '\t' '\n')
  aws cloudformation get-template --stack-name "$stack" --query TemplateBody --output text \
    >"$scratch/before.yaml" 2>"$scratch/log" || fail 1 "the template that is deployed: $(reason)"
}

go_back() {
  local what=$1 now="what ran before runs again"
  [[ " ${before[*]} " != *" ImageTag= "* ]] || now="as before, nothing runs"
  deploy "$scratch/before.yaml" "${before[@]}" ||
    fail 5 "$what; and going back failed: $(why_it_failed)"
  fail 4 "$what; $now"
}

# The public address of the task, where there is no load balancer.
task_url() {
  local cluster service task card address
  cluster=$(output ClusterName)
  service=$(output ServiceName)
  task=$(aws ecs list-tasks --cluster "$cluster" --service-name "$service" --query 'taskArns[0]' --output text)
  card=$(aws ecs describe-tasks --cluster "$cluster" --tasks "$task" --output text --query \
    "tasks[0].attachments[0].details[?name=='networkInterfaceId'].value | [0]")
  address=$(aws ec2 describe-network-interfaces --network-interface-ids "$card" --output text \
    --query 'NetworkInterfaces[0].Association.PublicIp')
  [[ $address != None ]] && echo "http://$address:9696"
}

ask() {
  local path=$1
  shift
  curl --silent --show-error --fail --max-time 10 "${curl_options[@]}" "$@" "$url$path" 2>"$scratch/log"
}

smoke_test() {
  local answer deadline=$((SECONDS + SMOKE_SECONDS))
  url=${SMOKE_URL:-$(output Url)}
  [[ $url ]] || url=$(task_url 2>"$scratch/log") || { echo "no address to ask: $(reason)"; return 1; }
  curl_options=()
  # The certificate is for the name that people use, which we aren't told.
  [[ ${SMOKE_URL:-} || $url != https:* ]] || curl_options=(--insecure)
  url=${url%/}
  echo "$url" >"$scratch/url"
  until ask /livez >/dev/null && ask /readyz >/dev/null; do
    ((SECONDS < deadline)) || { echo "not ready after $SMOKE_SECONDS s: $(reason)"; return 1; }
    sleep 2
  done
  answer=$(ask "$SMOKE_PATH" --header 'Content-Type: application/json' --data "$SMOKE_RECORD") ||
    { echo "$SMOKE_PATH: $(reason)"; return 1; }
  [[ ${answer//[[:space:]]/} == *'"segment":{"id":"'"$SMOKE_SEGMENT"'"'* ]] ||
    { echo "$SMOKE_PATH does not answer $SMOKE_SEGMENT"; return 1; }
}

main() {
  local status complaint
  built_before=""
  read_arguments "$@"
  [[ $tag ]] && built_before=yes
  check_tools
  choose_tag
  choose_architecture
  aws sts get-caller-identity >"$scratch/log" 2>&1 || fail 1 "no access to AWS: $(reason)"
  status=$(describe StackStatus) || status=""
  case $status in
    "" | REVIEW_IN_PROGRESS) make_stack ;;
    ROLLBACK_COMPLETE | *_FAILED)
      fail 1 "the stack $stack is in $status; see why (describe-stack-events), then delete it or go on by hand" ;;
    *_IN_PROGRESS) fail 1 "the stack $stack is in $status; wait for it" ;;
  esac
  find_repository
  if is_pushed; then
    say "$tag is in the repository"
  elif [[ $built_before ]]; then
    fail 2 "there is no image $tag in $repository"
  else
    build
    push
  fi
  [[ $dry_run ]] || remember
  say "deploying $tag; about 4 minutes"
  deploy "$here/$template" "ImageTag=$tag" "${parameters[@]}" ||
    fail 3 "the deployment failed, and what ran before still runs: $(why_it_failed)"
  if [[ $smoke && ! $dry_run ]]; then
    complaint=$(smoke_test) || go_back "the smoke test failed: $complaint"
  fi
  [[ $dry_run ]] || say "$tag is deployed$(sed 's/^/: /' "$scratch/url" 2>/dev/null)"
}

main "$@"
