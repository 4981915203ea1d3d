#!/usr/bin/env bash
# Shows Sallyport in front of a real PostgreSQL, from plain psql: a column of e-mail addresses is
# masked, a DROP is blocked, an UPDATE is held until a second person approves it, and the replay. It
# listens on loopback only, keeps everything in one temporary folder, and ends only what it started.
# Usage: demo/postgres.sh SALLYPORT
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
sallyport=${1:?the program to show}

bold() { printf '\n\033[1m%s\033[0m\n' "$*"; }
say() { printf '   %s\n' "$*"; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }

programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$programs" ] || fail "PostgreSQL's server is missing: make postgres-there"

folder=$(mktemp -d)
started=()
cleanup() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap cleanup EXIT
cd "$folder"
chmod 755 "$folder"

# The database behind the gateway: a server of our own, which never runs as root.
mkdir server
as_server() { "$@"; }
if [ "$(id -u)" = 0 ]; then
    owner=$(id -un postgres 2>/dev/null || echo nobody)
    chown "$owner" server
    as_server() { setpriv --reuid="$owner" --regid="$(id -gn "$owner")" --clear-groups "$@"; }
fi
draw() { head -c 200 /dev/urandom | base64 | tr -d '+/=\n' | cut -c1-24; }
ORDERS_PASSWORD=$(draw) ALICE_PASSWORD=$(draw)
export ORDERS_PASSWORD ALICE_PASSWORD
printf '%s' "$ORDERS_PASSWORD" > server.password
chmod 644 server.password
as_server "$programs/initdb" --no-sync --encoding=UTF8 --locale=C --username=app \
    --auth=scram-sha-256 --pwfile="$folder/server.password" -D "$folder/server/data" > initdb.log 2>&1 \
    || fail "initdb: $(cat initdb.log)"
port=$((RANDOM % 20000 + 40000))
(cd server && as_server "$programs/postgres" -D data -p "$port" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c fsync=off -c log_statement=all) > server.log 2>&1 &
started+=("$!")
direct() { PGPASSWORD=$ORDERS_PASSWORD "$programs/psql" -X -q -h 127.0.0.1 -p "$port" -U app -d postgres "$@"; }
# The server itself says which process it is: the one above may only be its parent.
for _ in $(seq 200); do
    if [ -s server/data/postmaster.pid ] && direct -c 'select 1' > /dev/null 2>&1; then break; fi
    sleep 0.05
done
started+=("$(head -n 1 server/data/postmaster.pid)")
direct <<'SQL' || fail "the database does not answer: $(cat server.log)"
create table customers(id int primary key, name text, email text, note text);
insert into customers values (1, 'Ann', 'ann@example.com', 'or at ann@example.net'),
    (2, 'Bob', 'bob (at) example.org', null);
SQL

ssh-keygen -q -t ed25519 -N '' -C bob -f bob
cat > people.yaml <<PEOPLE
people:
  - { name: alice, groups: [engineering], password: { env: ALICE_PASSWORD } }
  - { name: bob, groups: [dba], ssh_keys: ["$(cut -d' ' -f1,2 bob.pub)"] }
PEOPLE
cat > targets.yaml <<TARGETS
targets:
  - name: orders
    kind: postgres
    address: 127.0.0.1:$port
    database: postgres
    tls: disable                     # loopback; verify-full with ca: FILE everywhere else
    credential: { user: app, password: { env: ORDERS_PASSWORD } }
TARGETS
cp "$here/postgres.yaml" policy.yaml

bold "1. A gateway in front of a database"
say "sallyport dev --postgres 127.0.0.1:0 --people people.yaml --targets targets.yaml --policy policy.yaml"
"$sallyport" dev --dir data --ssh 127.0.0.1:0 --api 127.0.0.1:0 --postgres 127.0.0.1:0 \
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
SALLYPORT_URL=$(ready api)
SALLYPORT_CA=$(ready ca)
SALLYPORT_TOKEN=$(cat data/admin.token)
export SALLYPORT_URL SALLYPORT_CA SALLYPORT_TOKEN
gateway_port=$(ready postgres | sed 's/.*://')
say "Alice keeps her own psql: psql -h 127.0.0.1 -p $gateway_port -U alice orders"

alice=(psql -X -h 127.0.0.1 -p "$gateway_port" -U alice -d orders)
export PGPASSWORD=$ALICE_PASSWORD
as_alice() {
    printf '\n   \033[36malice$ psql … -c %s\033[0m\n' "\"$1\""
    status=0
    "${alice[@]}" -c "$1" > seen 2>&1 || status=$?
    sed 's/^/   /' seen
}

bold "2. Masked: a column by its name, whatever is in it, and addresses wherever they are"
hidden() { if grep -qiE 'ann@|bob|\(at\)' seen; then fail "an address was not masked"; fi; }
as_alice 'select * from customers where id = 1'
hidden
as_alice 'select c.x as y, upper(x), length(x) from (select email as x from customers) c'
hidden
as_alice 'copy customers(id, email) to stdout'
hidden
as_alice 'create table mine as select email from customers'
[ "$status" != 0 ] || fail "a masked column was carried away"

bold "3. Blocked: the database never sees it"
as_alice 'select 1; drop table customers'
[ "$status" != 0 ] || fail "a blocked statement fails"
if grep -q 'drop table' server.log; then fail "the blocked statement reached the database"; fi

bold "4. Held: a second person looks first"
held="update customers set name = 'nobody'"
printf '\n   \033[36malice$ psql … -c "%s"\033[0m\n' "$held"
"${alice[@]}" -c "$held" > held 2>&1 &
waiting=$!
bob_token=$("$sallyport" login --ssh-key bob --print-token)
approval=
for _ in $(seq 400); do
    approval=$(SALLYPORT_TOKEN=$bob_token "$sallyport" approvals list --output jsonl \
        | sed -n 's/.*"id":"\{0,1\}\([0-9]*\)"\{0,1\}.*/\1/p' | head -n 1)
    [ -z "$approval" ] || break
    kill -0 "$waiting" 2>/dev/null || fail "the held statement ended: $(cat held)"
    sleep 0.05
done
[ -n "$approval" ] || fail "nobody was asked for an approval"
if grep -q "$held" server.log; then fail "the held statement ran before anybody approved it"; fi
printf '   \033[36mbob$ sallyport approvals approve %s --reason "seen with Alice"\033[0m\n' "$approval"
SALLYPORT_TOKEN=$bob_token "$sallyport" approvals approve "$approval" --reason "seen with Alice" \
    | sed 's/^/   /'
wait "$waiting" || fail "the approved statement did not run: $(cat held)"
sed 's/^/   alice: /' held
[ "$(grep -c "$held" server.log)" = 1 ] || fail "the approved statement ran once"

bold "5. Recorded"
"$sallyport" sessions list --output table | cut -c1-110 | sed 's/^/   /'
for session in $("$sallyport" sessions list --output jsonl | sed -n 's/.*"id":"\([^"]*\)".*/\1/p'); do
    "$sallyport" sessions replay --no-wait "$session" 2>&1 | sed 's/^/   /'
done

bold "Done"
