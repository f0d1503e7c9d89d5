#!/bin/sh
# Fills the service's settings into nginx.conf, with TLS if there is a certificate, and becomes nginx.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
certificates=/etc/nginx/tls

fail() {
  echo "proxy: $*" >&2
  exit 1
}

# Whether to speak TLS: a certificate that somebody wanted must not be left out in silence.
wants_tls() {
  [ -z "${TLS:-}" ] || return 0
  [ -e "$certificates" ] || return 1
  ls "$certificates" >/dev/null 2>&1 || fail "user $(id -u) may not read the folder of certificates"
  [ -n "$(ls "$certificates")" ]
}

whole_number() {
  case $2 in
    '' | *[!0-9]*) fail "$1 is not a whole number" ;;
  esac
}

mode=PLAIN other=TLS
if wants_tls; then
  mode=TLS other=PLAIN
  for file in fullchain.pem privkey.pem; do
    [ -r "$certificates/$file" ] ||
      fail "the folder of certificates has no $file that user $(id -u) may read"
  done
fi

MAX_BODY_BYTES=${MAX_BODY_BYTES:-16777216}
MAX_FILE_BYTES=${MAX_FILE_BYTES:-67108864}
READ_TIMEOUT=${READ_TIMEOUT:-10}
KEEP_ALIVE=${KEEP_ALIVE:-75}
HTTPS_PORT=${HTTPS_PORT:-8443}
HTTPS_PORT=${HTTPS_PORT##*:} # compose takes an address before it
whole_number MAX_BODY_BYTES "$MAX_BODY_BYTES"
whole_number MAX_FILE_BYTES "$MAX_FILE_BYTES"
whole_number READ_TIMEOUT "$READ_TIMEOUT"
whole_number KEEP_ALIVE "$KEEP_ALIVE"
whole_number HTTPS_PORT "$HTTPS_PORT"
https=":$HTTPS_PORT"
[ "$HTTPS_PORT" != 443 ] || https=

resolver=$(awk '$1 == "nameserver" { print ($2 ~ /:/) ? "[" $2 "]" : $2; exit }' /etc/resolv.conf)

sed -e "/@$other@/d" -e "s|@$mode@ ||" \
  -e "s|@MAX_BODY_BYTES@|$MAX_BODY_BYTES|" -e "s|@MAX_FILE_BYTES@|$MAX_FILE_BYTES|" \
  -e "s|@READ_TIMEOUT@|$READ_TIMEOUT|" -e "s|@IDLE@|$((KEEP_ALIVE * 4 / 5))|" \
  -e "s|@RESOLVER@|${resolver:-127.0.0.1}|" -e "s|@HTTPS@|$https|" -e "s|@HERE@|$here|" \
  "$here/nginx.conf" >/tmp/nginx.conf

exec nginx -c /tmp/nginx.conf -e stderr -g 'daemon off;'
