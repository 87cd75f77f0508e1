"""Hosts on one bridge: network namespaces whose links are shaped both ways.

Every host has a namespace with one interface, `eth0`; its other end is a port
of a bridge that lives in a namespace of its own, so nothing touches the
machine's network. The uplink is shaped where it leaves the host, the downlink
where it leaves the bridge.
"""

import ctypes
import json
import os
import re
import socket
import subprocess
from pathlib import Path

# Namespaces are named lab<process id>-<host>, to find and remove them again.
NAME = re.compile(r"^lab(\d+)-")
CLONE_NEWNET = 0x40000000
SUBNET = "10.77.0"


class LabError(Exception):
    """What is wrong, in words for whoever runs the lab."""


def command(*words: object) -> str:
    """Runs a command; its output, or an error that says what failed."""
    words = tuple(str(word) for word in words)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def shape(namespace: str, interface: str, mbit: float) -> None:
    """Limits what leaves an interface.

    The bucket holds 4 ms of the rate, at least 32 KiB: a score of packets, so
    that a woken sender loses nothing, yet next to nothing of a film. The queue
    holds 50 ms more, a home router's with some sense. Offloads are limited to
    one packet at a time, or a slow link would pass 64 KiB in one lump.
    """
    command("ip", "-n", namespace, "link", "set", interface, "gso_max_segs", 1)
    burst = max(int(mbit * 1e6 / 8 / 250), 32 << 10)
    command("tc", "-n", namespace, "qdisc", "add", "dev", interface, "root",
            "tbf", "rate", f"{int(mbit * 1e6)}bit", "burst", burst, "latency", "50ms")


class Network:
    """The bridge and its hosts; leaving the context removes them all."""

    def __init__(self) -> None:
        self.bridge = f"lab{os.getpid()}-bridge"
        self.hosts: dict[str, int] = {}

    def __enter__(self) -> "Network":
        sweep()
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
        """Adds a host. Rates in Mbit/s; none leaves a direction unshaped."""
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
        """Nobody can dial this host: what arrives for its port is dropped.

        Rules of the routing table do it, since they need no packet filter in
        the kernel; the table of local addresses has to stand behind them.
        """
        rule = ("ip", "-n", self.namespace(host), "rule")
        command(*rule, "add", "pref", 100, "lookup", "local")
        command(*rule, "del", "pref", 0)
        command(*rule, "add", "pref", 10, "iif", "eth0",
                "ipproto", "tcp", "dport", port, "blackhole")

    def cut(self, host: str) -> None:
        """Pulls the host's cable: no packet passes any more, nobody is told."""
        command("ip", "-n", self.bridge, "link", "set", self.port(host), "down")

    def counters(self) -> dict[str, tuple[int, int]]:
        """Bytes each host has sent and received, headers included."""
        links = json.loads(command("ip", "-n", self.bridge, "-s", "-j", "link"))
        stats = {link["ifname"]: link["stats64"] for link in links}
        seen = {host: stats[self.port(host)] for host in self.hosts}
        return {host: (s["rx"]["bytes"], s["tx"]["bytes"]) for host, s in seen.items()}

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connection to a loopback port of a host, for questions from here."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as home, \
                open(Path("/run/netns") / self.namespace(host)) as there:
            if libc.setns(there.fileno(), CLONE_NEWNET):
                raise LabError(f"setns {host}: {os.strerror(ctypes.get_errno())}")
            try:
                # A socket stays in the namespace in which it was made.
                return socket.create_connection(("127.0.0.1", port), timeout)
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)


def sweep() -> None:
    """Removes what labs that were killed outright have left behind."""
    for line in command("ip", "netns", "list").splitlines():
        name = line.split()[0]
        owner = NAME.match(name)
        if owner and not Path("/proc", owner[1]).exists():
            command("ip", "netns", "del", name)
