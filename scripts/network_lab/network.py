"""Hosts on one bridge: network namespaces with links shaped in both directions.

Every host has a namespace with one interface, `eth0`, whose other end is a port of a
bridge. The bridge has its own namespace, so the machine's network is not touched. The
uplink is shaped at the host, the downlink at the bridge.
"""

import ctypes
import json
import os
import re
import socket
import subprocess
from pathlib import Path

# The name lab<process id>-<host> lets a later run find stale namespaces.
NAME = re.compile(r"^lab(\d+)-")
CLONE_NEWNET = 0x40000000
SUBNET = "10.77.0"


class LabError(Exception):
    """The lab failed; the text gives the cause."""


def command(*words: object) -> str:
    """Runs a command; returns its output."""
    words = tuple(str(word) for word in words)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def shape(namespace: str, interface: str, mbit: float) -> None:
    """Limits the rate at which an interface sends.

    The bucket holds 4 ms of traffic and at least 32 KiB, some twenty packets: enough that
    a sender that wakes late loses no rate, and negligible beside a film. The queue holds
    another 50 ms, like a well-configured home router. Segmentation offload is limited to
    one packet, because a slow link would otherwise send bursts of 64 KiB.
    """
    command("ip", "-n", namespace, "link", "set", interface, "gso_max_segs", 1)
    burst = max(int(mbit * 1e6 / 8 / 250), 32 << 10)
    command("tc", "-n", namespace, "qdisc", "add", "dev", interface, "root",
            "tbf", "rate", f"{int(mbit * 1e6)}bit", "burst", burst, "latency", "50ms")


class Network:
    """The bridge and its hosts, removed on leaving the context."""

    def __init__(self) -> None:
        self.bridge = f"lab{os.getpid()}-bridge"
        self.hosts: dict[str, int] = {}

    def __enter__(self) -> "Network":
        remove_stale()
        try:
            command("ip", "netns", "add", self.bridge)
            command("ip", "-n", self.bridge, "link", "add", "bridge", "type", "bridge")
            command("ip", "-n", self.bridge, "link", "set", "bridge", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for namespace in [*map(self.namespace, self.hosts), self.bridge]:
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)

    def namespace(self, host: str) -> str:
        """The namespace of a host."""
        return f"lab{os.getpid()}-{host}"

    def address(self, host: str) -> str:
        """The address of a host."""
        return f"{SUBNET}.{self.hosts[host]}"

    def port(self, host: str) -> str:
        """The host's port at the bridge."""
        return f"port{self.hosts[host]}"

    def add(self, host: str, up: float | None = None, down: float | None = None) -> None:
        """Adds a host. Rates are in Mbit/s; None leaves a direction unshaped."""
        self.hosts[host] = len(self.hosts) + 1
        inside, port = self.namespace(host), self.port(host)
        command("ip", "netns", "add", inside)
        command("ip", "-n", self.bridge, "link", "add", port,
                "type", "veth", "peer", "name", "eth0", "netns", inside)
        command("ip", "-n", self.bridge, "link", "set", port, "master", "bridge", "up")
        command("ip", "-n", inside, "addr", "add", f"{self.address(host)}/24", "dev", "eth0")
        command("ip", "-n", inside, "link", "set", "lo", "up")
        command("ip", "-n", inside, "link", "set", "eth0", "up")
        if up:
            shape(inside, "eth0", up)
        if down:
            shape(self.bridge, port, down)

    def firewall(self, host: str, port: int) -> None:
        """Drops packets for a port of a host, so that no peer can dial it.

        Routing rules do this without a packet filter in the kernel. The rule for local
        addresses has to come after them.
        """
        rule = ("ip", "-n", self.namespace(host), "rule")
        command(*rule, "add", "pref", 100, "lookup", "local")
        command(*rule, "del", "pref", 0)
        command(*rule, "add", "pref", 10, "iif", "eth0",
                "ipproto", "tcp", "dport", port, "blackhole")

    def cut(self, host: str) -> None:
        """Takes the host's link down: packets are lost, connections stay open."""
        command("ip", "-n", self.bridge, "link", "set", self.port(host), "down")

    def counters(self) -> dict[str, tuple[int, int]]:
        """Bytes sent and received by each host, headers included."""
        links = json.loads(command("ip", "-n", self.bridge, "-s", "-j", "link"))
        stats = {link["ifname"]: link["stats64"] for link in links}
        seen = {host: stats[self.port(host)] for host in self.hosts}
        return {host: (s["rx"]["bytes"], s["tx"]["bytes"]) for host, s in seen.items()}

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connects from this process to a loopback port of a host."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as home, \
                open(Path("/run/netns") / self.namespace(host)) as there:
            if libc.setns(there.fileno(), CLONE_NEWNET):
                raise LabError(f"setns {host}: {os.strerror(ctypes.get_errno())}")
            try:
                # A socket stays in the namespace that created it.
                return socket.create_connection(("127.0.0.1", port), timeout)
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)


def remove_stale() -> None:
    """Removes the namespaces of labs that were killed."""
    for line in command("ip", "netns", "list").splitlines():
        name = line.split()[0]
        owner = NAME.match(name)
        if owner and not Path("/proc", owner[1]).exists():
            command("ip", "netns", "del", name)
