"""The configuration files of the cluster's programs, and where the programs are.

The times are the shortest that hold on two busy cores: a leader that is gone is replaced after `TTL` seconds.
"""

import functools
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.parts import lacking

TTL, LOOP_WAIT, RETRY = 6, 1, 2  # seconds; Patroni wants LOOP_WAIT + 2 * RETRY <= TTL
SCOPE = "heartbeat"
_PACKAGES = "Debian packages patroni, etcd-server, haproxy, pgbouncer and postgresql"
_PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@functools.cache
def program(name: str) -> str:
    """Where a program of the cluster is; skips the test where it is not."""
    found = shutil.which(name, path=_PLACES)
    return found or lacking(f"no {name} ({_PACKAGES})")


@functools.cache
def server_programs() -> Path:
    """The newest PostgreSQL of Debian: Patroni wants all of its programs, `pg_rewind`, too."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: int(one.parent.name), reverse=True)
    whole = [one for one in folders if all((one / name).exists() for name in ("initdb", "pg_basebackup", "pg_rewind"))]
    return whole[0] if whole else lacking(f"no PostgreSQL with pg_rewind ({_PACKAGES})")


def etcd(name: str, folder: Path, client: int, peers: Mapping[str, int]) -> Sequence[str]:
    """The command line of a member; `peers` are the ports at which all of them find each other."""
    peer = peers[name]
    cluster = ",".join(f"{other}=http://127.0.0.1:{port}" for other, port in peers.items())
    return [
        *(program("etcd"), "--name", name, "--data-dir", str(folder)),
        *("--listen-client-urls", f"http://127.0.0.1:{client}"),
        *("--advertise-client-urls", f"http://127.0.0.1:{client}"),
        *("--listen-peer-urls", f"http://127.0.0.1:{peer}"),
        *("--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}"),
        *("--initial-cluster", cluster, "--initial-cluster-state", "new", "--log-level", "error"),
        *("--heartbeat-interval", "100", "--election-timeout", "1000"),
    ]


def patroni(name: str, folder: Path, *, etcd: Sequence[int], rest: int, server: int, reached: tuple[int, int]) -> str:
    """A node's file. `rest` and `server` are its own ports, `reached` those at which the other nodes find the two, and
    `etcd` those at which it finds etcd."""
    members = ", ".join(f"'127.0.0.1:{port}'" for port in etcd)
    return f"""
scope: {SCOPE}
name: {name}
restapi:
  listen: 127.0.0.1:{rest}
  connect_address: 127.0.0.1:{reached[0]}
etcd3:
  hosts: [{members}]
  use_proxies: true  # else it finds out etcd's own ports, to which no way leads that could be cut
bootstrap:
  dcs:
    ttl: {TTL}
    loop_wait: {LOOP_WAIT}
    retry_timeout: {RETRY}
    primary_start_timeout: 0
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
        max_connections: 80
        max_wal_senders: 10
        wal_keep_size: 128MB
        wal_log_hints: "on"
  initdb: [{{encoding: UTF8}}, {{locale: C}}, {{auth: trust}}, {{username: postgres}}, no-sync]
postgresql:
  listen: 127.0.0.1:{server}
  connect_address: 127.0.0.1:{reached[1]}
  data_dir: {folder}/data
  bin_dir: {server_programs()}
  pgpass: {folder}/pgpass
  remove_data_directory_on_rewind_failure: true
  remove_data_directory_on_diverging_timelines: true
  authentication:
    superuser: {{username: postgres}}
    replication: {{username: postgres}}
    rewind: {{username: postgres}}
  pg_hba:
    - local all all trust
    - host all all 127.0.0.1/32 trust
    - host replication all 127.0.0.1/32 trust
  parameters:
    unix_socket_directories: {folder}
    fsync: "off"
    shared_buffers: 16MB
    autovacuum: "off"
    log_min_messages: fatal
    dynamic_shared_memory_type: mmap
    wal_retrieve_retry_interval: 200ms
    wal_receiver_timeout: 4s
    wal_sender_timeout: 4s
    checkpoint_timeout: 30s
"""


def haproxy(leader: int, rest: int, primary_rest: int, nodes: Mapping[str, tuple[int, int]]) -> str:
    """Leads port `leader` to the leader, `rest` to the REST API of any node, and `primary_rest` to that of the leader;
    of each node the port of its server and that of its REST API."""
    servers = "\n".join(f"  server {name} 127.0.0.1:{own} check port {api}" for name, (own, api) in nodes.items())
    apis = "\n".join(f"  server {name} 127.0.0.1:{api} check" for name, (_, api) in nodes.items())
    return f"""
global
  maxconn 500
defaults
  mode tcp
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout check 1s
listen primary
  bind 127.0.0.1:{leader}
  option httpchk GET /primary
  http-check expect status 200
  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
listen rest
  bind 127.0.0.1:{rest}
  option httpchk GET /liveness
  default-server inter 500ms fall 2 rise 1
{apis}
listen primary_rest
  bind 127.0.0.1:{primary_rest}
  option httpchk GET /primary
  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
{apis}
"""


def pgbouncer(port: int, leader: int, folder: Path) -> str:
    """Every database of the server at port `leader`; a session is another client's after each transaction."""
    (folder / "users").write_text('"postgres" ""\n')
    return f"""
[databases]
* = host=127.0.0.1 port={leader}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
max_client_conn = 200
default_pool_size = 8
server_login_retry = 0.5
server_connect_timeout = 2
query_wait_timeout = 5
log_connections = 0
log_disconnections = 0
"""
