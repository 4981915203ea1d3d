#!/usr/bin/env bash
# Shows Sallyport with a real ssh and a real sshd: a command that is allowed, one that is blocked,
# one whose output is masked, one that is held until a second person approves it, and the replay. It
# listens on loopback only, keeps everything in one temporary folder, and ends only what it started.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cargo=${CARGO:-cargo}

bold() { printf '\n\033[1m%s\033[0m\n' "$*"; }
say() { printf '   %s\n' "$*"; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }

if [ -n "${SALLYPORT_BIN:-}" ]; then
    sallyport=$SALLYPORT_BIN
else
    bold "Building sallyport (the first time takes some minutes)"
    (cd "$here/.." && $cargo build --release --locked --quiet --package node-cli)
    target_dir=${CARGO_TARGET_DIR:-$here/../target}
    sallyport=$(cd "$target_dir/release" && pwd)/sallyport
fi

folder=$(mktemp -d)
started=()
cleanup() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap cleanup EXIT
cd "$folder"

# The machine behind the gateway: an ordinary sshd with keys of its own.
login=$(id -un)
[ "$login" != root ] || mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -C web-1 -f host
ssh-keygen -q -t ed25519 -N '' -C gateway -f web-1.key
ssh-keygen -q -t ed25519 -N '' -C alice -f alice
ssh-keygen -q -t ed25519 -N '' -C bob -f bob
cp web-1.key.pub authorized_keys
printf '#!/bin/sh\nprintf "%%s\\n" "$SSH_ORIGINAL_COMMAND" >> %s/reached\nexec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n' \
    "$folder" > run-and-log
chmod 755 run-and-log
for attempt in 1 2 3 4 5; do
    port=$((RANDOM % 20000 + 40000))
    cat > sshd_config <<CONFIG
Port $port
ListenAddress 127.0.0.1
HostKey $folder/host
PidFile none
AuthorizedKeysFile $folder/authorized_keys
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin yes
PasswordAuthentication no
ForceCommand $folder/run-and-log
CONFIG
    /usr/sbin/sshd -D -e -f sshd_config 2> sshd.log &
    sshd=$!
    for _ in $(seq 100); do
        if grep -q 'Server listening' sshd.log; then break 2; fi
        kill -0 "$sshd" 2>/dev/null || break
        sleep 0.05
    done
    [ "$attempt" -lt 5 ] || fail "sshd does not listen: $(cat sshd.log)"
done
started+=("$sshd")

# Who there is, what is behind the gateway, and what may happen.
cat > people.yaml <<PEOPLE
people:
  - { name: alice, groups: [engineering], ssh_keys: ["$(cut -d' ' -f1,2 alice.pub)"] }
  - { name: bob, groups: [platform], ssh_keys: ["$(cut -d' ' -f1,2 bob.pub)"] }
PEOPLE
cat > targets.yaml <<TARGETS
targets:
  - name: web-1
    kind: ssh
    address: 127.0.0.1:$port
    labels: { env: staging }
    host_keys: ["$(cut -d' ' -f1,2 host.pub)"]
    credential: { private_key: { file: web-1.key } }
    as: [$login]
TARGETS
sed "s/LOGIN/$login/" "$here/policy.yaml" > policy.yaml

bold "1. A gateway in front of a machine"
say "sallyport dev --people people.yaml --targets targets.yaml --policy policy.yaml"
"$sallyport" dev --dir data --ssh 127.0.0.1:0 --api 127.0.0.1:0 \
    --people people.yaml --targets targets.yaml --policy policy.yaml > gateway.log 2>&1 &
gateway=$!
started+=("$gateway")
for _ in $(seq 600); do
    [ ! -f data/ready.json ] || break
    kill -0 "$gateway" 2>/dev/null || fail "sallyport ended: $(cat gateway.log)"
    sleep 0.05
done
[ -f data/ready.json ] || fail "sallyport is not ready: $(cat gateway.log)"
ready() { sed -n "s/^ *\"$1\": *\"\(.*\)\",\{0,1\}$/\1/p" data/ready.json; }
gateway_port=$(ready ssh | sed 's/.*://')
echo "[127.0.0.1]:$gateway_port $(ready host_key | cut -d' ' -f1,2)" > known_hosts
SALLYPORT_URL=$(ready api)
SALLYPORT_CA=$(ready ca)
SALLYPORT_TOKEN=$(cat data/admin.token)
export SALLYPORT_URL SALLYPORT_CA SALLYPORT_TOKEN
say "Alice keeps her own ssh: ssh -p $gateway_port $login@web-1@127.0.0.1"

as_alice() {
    printf '\n   \033[36malice$ ssh … %s\033[0m\n' "$1"
    status=0
    ssh -F none -i alice -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR \
        -o UserKnownHostsFile=known_hosts -o StrictHostKeyChecking=yes \
        -p "$gateway_port" -l "$login@web-1" 127.0.0.1 "$1" > seen 2>&1 || status=$?
    sed 's/^/   /' seen
    say "(exit status $status)"
}

bold "2. Allowed: nothing feels different"
as_alice 'echo "hello from $(hostname)"; exit 3'
[ "$status" = 3 ] || fail "the exit status of an allowed command is its own"

bold "3. Blocked: it is read as the shell would read it"
as_alice 'e""nv | sort'
[ "$status" = 126 ] || fail "a blocked command ends with 126"
if grep -q 'nv' reached; then fail "the blocked command reached the target"; fi
say "The target's own log has never seen it:"
sed 's/^/      target: /' reached

bold "4. Masked: a token that was made up a moment ago"
token=ghp_$(head -c 200 /dev/urandom | base64 | tr -d '+/=\n' | cut -c1-36)
printf 'GITHUB_TOKEN=%s\n' "$token" > deploy.conf
say "On the target, deploy.conf holds ${token%"${token#????????}"}… (and 32 letters more)"
as_alice "cat $folder/deploy.conf"
[ "$status" = 0 ] || fail "the masked command was allowed"
if grep -q "${token#ghp_}" seen; then fail "the token was not masked"; fi

bold "5. Held: a second person looks first"
printf '\n   \033[36malice$ ssh … touch %s\033[0m\n' released
ssh -F none -i alice -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR \
    -o UserKnownHostsFile=known_hosts -o StrictHostKeyChecking=yes \
    -p "$gateway_port" -l "$login@web-1" 127.0.0.1 "touch $folder/released" > held 2>&1 &
waiting=$!
bob_token=$("$sallyport" login --ssh-key bob --print-token)
approval=
for _ in $(seq 200); do
    approval=$(SALLYPORT_TOKEN=$bob_token "$sallyport" approvals list --output jsonl \
        | sed -n 's/.*"id":"\{0,1\}\([0-9]*\)"\{0,1\}.*/\1/p' | head -n 1)
    [ -z "$approval" ] || break
    kill -0 "$waiting" 2>/dev/null || fail "the held command ended: $(cat held)"
    sleep 0.05
done
[ -n "$approval" ] || fail "nobody was asked for an approval"
[ ! -e released ] || fail "the held command ran before anybody approved it"
printf '\n   \033[36mbob$ sallyport approvals list\033[0m\n'
SALLYPORT_TOKEN=$bob_token "$sallyport" approvals list --output table | cut -c1-110 | sed 's/^/   /'
printf '\n   \033[36mbob$ sallyport approvals approve %s --reason "seen with Alice"\033[0m\n' "$approval"
SALLYPORT_TOKEN=$bob_token "$sallyport" approvals approve "$approval" --reason "seen with Alice" \
    | sed 's/^/   /'
status=0
wait "$waiting" || status=$?
sed 's/^/   alice: /' held
[ "$status" = 0 ] || fail "the approved command did not run"
[ -e released ] || fail "the approved command did not reach the target"
say "(exit status $status; it ran once, after Bob)"

bold "6. Recorded, before it ran"
"$sallyport" sessions list --output table | cut -c1-110 | sed 's/^/   /'
# The one whose output was masked: the last but one, before Bob's approval.
last=$("$sallyport" sessions list --output jsonl | sed -n 's/.*"id":"\([^"]*\)".*/\1/p' | tail -n 2 | head -n 1)
printf '\n   \033[36mauditor$ sallyport sessions replay %s\033[0m\n' "$last"
"$sallyport" sessions replay "$last" | sed 's/^/   /'

bold "7. Provable"
printf '   \033[36mauditor$ sallyport audit verify\033[0m\n'
"$sallyport" audit verify --output table 2>&1 | sed 's/^/   /'
printf '   \033[36mauditor$ sallyport audit rederive\033[0m\n'
"$sallyport" audit rederive --output table 2>&1 | sed 's/^/   /'

bold "8. The same in front of a database"
"$here/postgres.sh" "$sallyport"

bold "Done"
say "Everything was in $folder and is gone now. Next: README.md, ARCHITECTURE.md."
