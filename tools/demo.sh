#!/usr/bin/env bash
# What ./dev run shows: a server, a second node, real jobs from submission to payment, and the books. See --help.
set -euo pipefail
if ! { : <&0; } 2>/dev/null; then exec </dev/null; fi # started with stdin closed
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset HOST PORT DATABASE_URL TROUPE_DATABASE TROUPE_CONFIG TROUPE_URL TROUPE_API_KEY

troupe=${DEMO_PROGRAM:-build/troupe}
data=${TROUPE_DATA_DIR:-data}
once=false
node_label=demo=second-node
key=demo-$$-$(date +%s) # of this run's job: sent twice, run once

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
if [[ ! -t 1 ]]; then say() { printf '\n== %s\n' "$*"; }; fi
note() { printf '   %s\n' "$*"; }
die() {
  printf 'demo: %s\n' "$*" >&2
  exit 1
}

# show COMMAND ARGS...: prints the command as a person would type it, then runs it.
show() {
  printf '$ troupe'
  printf ' %q' "${@:2}"
  printf '\n'
  "$@"
}

# The string or number behind "NAME": in JSON on stdin; the first one when there are several.
field() { sed -nE "s/^(.*[{,[:space:]])?\"$1\" ?: ?\"?([^\",}]*).*\$/\2/p" | head -n 1; }

# until_true SECONDS WHAT COMMAND...: asks again until it holds, or says what did not come.
until_true() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < deadline)) || die "in vain: $what"
    sleep 0.1
  done
}

server='' node='' model=''

stop_one() {
  local pid=$1
  [[ -n $pid ]] || return 0
  kill -TERM "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

stop_all() {
  trap '' INT TERM
  stop_one "$node"
  stop_one "$server"
  stop_one "$model"
}

leave() {
  echo
  exit "$1"
}

is_ready() {
  kill -0 "$server" 2>/dev/null || die "the server did not start: $(tail -n 1 "$data/demo-serve.log")"
  grep -q '"message":"ready"' "$data/demo-serve.log"
}

is_joined() {
  kill -0 "$node" 2>/dev/null || die "the node did not start: $(tail -n 1 "$data/demo-node.log")"
  "$troupe" nodes | grep -q 'second-node .*idle'
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start_server() {
  local port=8080
  ! answers "$port" || port=0
  say "A gateway with a local node, and a second node beside it"
  : >"$data/demo-serve.log" # here, not in the child: is_ready must not read what an earlier run said
  "$troupe" serve --dev --data-dir "$data" --listen "127.0.0.1:$port" --log-format json --log-level info \
    </dev/null >"$data/demo-serve.log" 2>&1 &
  server=$!
  until_true 20 "the server" is_ready
  TROUPE_URL=$(field base_url <"$data/dev.json")
  TROUPE_API_KEY=$(field api_key <"$data/dev.json")
  export TROUPE_URL TROUPE_API_KEY
  note "serving at $TROUPE_URL, everything kept in $data/"
}

start_node() {
  local models=()
  [[ -z $model ]] || models=(--model "tiny=http://127.0.0.1:$model_port/v1")
  "$troupe" node --join "$(field cluster_address <"$data/dev.json")" --node-key "$(field node_key <"$data/dev.json")" \
    --name second-node --label "$node_label" --slots 2 --data-dir "$data/second-node" --log-format json "${models[@]}" \
    </dev/null >"$data/demo-node.log" 2>&1 &
  node=$!
  until_true 20 "the second node" is_joined
  show "$troupe" nodes
}

submit_words() {
  "$troupe" submit --file tools/word_statistics.sh --interpreter sh --name "word statistics" --timeout 300 \
    --label "$node_label" --key "$key" "$@"
}

show_job() {
  say "A script job on real text: what it may cost is held, then it runs on the second node"
  echo "\$ troupe submit --file tools/word_statistics.sh --interpreter sh --timeout 300 --label $node_label --watch"
  submit_words --watch
  job=$(submit_words --json | field job_id)
  note "(the same request with the same Idempotency-Key answers with $job again: no second job, no second payment)"
}

# The job's rows of the wallet's transactions, oldest first: time, type, amount, currency.
payment_rows() {
  local row
  "$troupe" wallet --transactions --limit 1000 --json | sed 's/},{/}\n{/g' | grep -F "\"job_id\":\"$job\"" | tac |
    while read -r row; do
      echo "$(field created_at <<<"$row") $(field type <<<"$row") $(field amount <<<"$row") $(field currency <<<"$row")"
    done
}

# The hold must be what was captured plus what was released.
show_payment() {
  say "Its money: held, captured for what was used, the rest released"
  payment_rows | awk '
    BEGIN {
      about["hold"] = "set aside when the job was accepted"
      about["payment"] = "captured for the provider"
      about["platform_fee"] = "captured for the platform"
      about["release"] = "given back"
    }
    {
      printf "   %s  %-12s %14s %s  %s\n", $1, $2, $3, $4, about[$2]
      sum[$2] += sprintf("%.0f", $3 * 1e9)
    }
    END {
      resolved = sum["payment"] + sum["platform_fee"] + sum["release"]
      exit !(sum["hold"] > 0 && sum["payment"] > 0 && sum["hold"] == resolved)
    }' || die "the job $job was not paid as it should be"
  note "hold = payment + platform_fee + release, to the last billionth"
}

has_started() { "$troupe" jobs "$1" --json | grep -q '"started_at":"'; }

show_cancel() {
  local id
  say "A long job, cancelled while it runs: the used time is paid, the rest comes back"
  echo "\$ troupe submit --timeout 3600 -- sleep 3000"
  id=$("$troupe" submit --json --timeout 3600 -- sleep 3000 | field job_id)
  until_true 20 "the start of the long job" has_started "$id"
  show "$troupe" cancel "$id"
  "$troupe" watch "$id" || true # it did not complete, and says so by its exit code
  [[ $("$troupe" jobs "$id" --json | field status) == cancelled ]] || die "the long job was not cancelled"
}

show_books() {
  say "The books, added up again from the first entry"
  show "$troupe" ledger verify --data-dir "$data"
}

try_next() {
  local auth="-H 'Authorization: Bearer $TROUPE_API_KEY'"
  say "Still serving. In another terminal, try"
  cat <<TEXT
   curl -s $auth $TROUPE_URL/api/v1/account
   curl -s $auth $TROUPE_URL/api/v1/jobs/$job
   curl -s $auth $TROUPE_URL/api/v1/jobs -d '{"type":"process","name":"hello","params":{"command":["echo","hello"]}}'
   export TROUPE_URL=$TROUPE_URL TROUPE_API_KEY=$TROUPE_API_KEY
   build/troupe submit --watch -- sh -c 'uname -a; nproc'
   build/troupe jobs; build/troupe wallet; build/troupe ledger verify --data-dir $data

Ctrl-C stops everything.
TEXT
}

serve_on() {
  trap 'leave 0' INT TERM
  try_next
  wait "$server" || true
  die "the server ended: $(tail -n 1 "$data/demo-serve.log")"
}

. tools/demo_model.sh

case "${1:-}" in
  --once) once=true ;;
  '') ;;
  *)
    echo "usage: tools/demo.sh [--once]   (--once: stop after the demonstration; 0 only if paid and the books verify)"
    echo "TROUPE_DATA_DIR: where everything is kept (default ./data)"
    [[ $1 == -h || $1 == --help ]] || exit 2
    exit 0
    ;;
esac
[[ -x $troupe ]] || die "$troupe does not exist: run ./dev build first"
mkdir -p "$data"
trap stop_all EXIT
trap 'leave 130' INT TERM
start_model
start_server
start_node
show_job
show_payment
show_completion
show_cancel
show_books
"$once" || serve_on
