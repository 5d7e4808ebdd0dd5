# The part of demo.sh about a model server: llama.cpp from npm over weights made on the spot.
# Left out, with one line that says why, when it cannot be had.

model_port=''
model_missing=''

# Installs once, into tools/model/node_modules; leaves $model_missing when that does not work.
install_model() {
  local major
  [[ $(uname -sm) == "Linux x86_64" ]] || model_missing="it needs Linux on x86-64"
  command -v curl >/dev/null || model_missing="curl is not installed"
  command -v node >/dev/null && command -v npm >/dev/null || model_missing="node and npm are not installed"
  [[ -z $model_missing ]] || return 0
  major=$(node --version | sed 's/^v//; s/\..*//')
  ((major >= 20)) || { model_missing="it needs node 20, this is $major"; return 0; }
  [[ ! -e tools/model/node_modules/.complete ]] || return 0
  say "A small model server (once: npm installs llama.cpp, up to a minute)"
  local how=(--no-save --omit=optional --ignore-scripts --no-audit --no-fund --fetch-retries=0)
  if (cd tools/model && timeout 60 npm install "${how[@]}") </dev/null >"$data/demo-npm.log" 2>&1; then
    touch tools/model/node_modules/.complete
  else
    model_missing="npm could not install it (see $data/demo-npm.log)"
  fi
}

model_answers() {
  kill -0 "$model" 2>/dev/null || return 0
  model_port=$(sed -n 's/^ready //p' "$data/demo-model.log")
  [[ -n $model_port ]]
}

# Sets $model (a process) and $model_port, or $model_missing.
start_model() {
  install_model
  [[ -z $model_missing ]] || return 0
  if [[ ! -s $data/tiny.gguf ]]; then
    node tools/model/make_weights.mjs "$data/tiny.gguf.new" /usr/share/common-licenses/* >"$data/demo-model.log" 2>&1 &&
      mv "$data/tiny.gguf.new" "$data/tiny.gguf" || { model_missing="its weights could not be made"; return 0; }
  fi
  : >"$data/demo-model.log" # here, not in the child: model_answers must not read what an earlier run said
  node tools/model/server.mjs 0 "$data/tiny.gguf" </dev/null >"$data/demo-model.log" 2>&1 &
  model=$!
  until_true 20 "the model server" model_answers
  [[ -n $model_port ]] || { model='' model_missing="it did not start (see $data/demo-model.log)"; }
}

show_completion() {
  say "A completion by a model that the second node serves, paid by the token"
  [[ -z $model_missing ]] || { note "left out: $model_missing"; return 0; }
  local body='{"model":"tiny","prompt":"You may copy and distribute the Program","max_tokens":40}' answer
  echo "\$ curl $TROUPE_URL/api/v1/completions -d '$body'"
  answer=$(curl -sS --noproxy '*' --max-time 30 -H "Authorization: Bearer $TROUPE_API_KEY" \
    "$TROUPE_URL/api/v1/completions" -d "$body") || die "no completion"
  node -e '
    const a = JSON.parse(process.argv[1]);
    if (!a.choices) { console.error(process.argv[1]); process.exit(1); }
    console.log("   text   ", JSON.stringify(a.choices[0].text));
    console.log("   usage  ", JSON.stringify(a.usage));
    console.log("   cost   ", a.cost, a.currency);' "$answer" || die "the completion failed"
}
