"""One host of the libtorrent side: a session, and HTTP for the viewer.

    libtorrent_host.py create FILE TORRENT
    libtorrent_host.py run SPECIFICATION     (JSON; see engine_libtorrent.py)

HTTP: /stream/NAME is the film, in order, by piece deadlines; /whole/NAME
answers when all of it is there, fetched rarest first; /status.json counts.
A film is joined when it is first asked for, which is when play is pressed.
"""

import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import libtorrent as lt

# Media for which deadlines are set ahead of where the player reads; beyond it
# libtorrent picks the rarest piece, so that viewers have something to trade.
# Of 0, 0.5, 1, 3, 5, 10 and 30 s this did best in the flash crowd: with more,
# all viewers ask the source for the same pieces and give each other nothing;
# with less, they wait longer for the start and in the worst stall.
WINDOW = 1.0

# Everything that could hold libtorrent back is switched off: nothing but TCP
# between the addresses it is told, at once, without limits or encryption.
SETTINGS = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_ip_notifier": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "mixed_mode_algorithm": 0,  # prefer TCP
    "in_enc_policy": 2,  # no encryption
    "out_enc_policy": 2,
    "allow_multiple_connections_per_ip": True,
    "connection_speed": 500,
    "torrent_connect_boost": 255,
    "smooth_connects": False,
    "min_reconnect_time": 1,
    "max_failcount": 1000,
    "peer_connect_timeout": 3,
    "unchoke_slots_limit": -1,  # everybody who is interested is served
    "close_redundant_connections": False,
    "max_out_request_queue": 2000,
    "max_allowed_in_request_queue": 4000,
    "tick_interval": 100,  # deadlines are looked at ten times a second
    "request_timeout": 10,  # a silent peer's requests go to others sooner
    "piece_timeout": 10,
    "hashing_threads": 2,
    "alert_queue_size": 100_000,
}


class Film:
    """A torrent, and what its readers wait for."""

    def __init__(self, session: lt.session, spec: dict, port: int) -> None:
        self.spec = spec
        self.port = port
        self.news = threading.Condition()
        self.read: dict[int, bytes] = {}
        self.joined = spec["shared"]
        params = lt.load_torrent_file(spec["torrent"])
        self.info = params.ti
        self.piece = self.info.piece_length()
        self.size = self.info.total_size()
        params.save_path = spec["folder"]
        params.flags &= ~lt.torrent_flags.auto_managed
        if not self.joined:
            params.flags |= lt.torrent_flags.paused
        else:
            params.flags &= ~lt.torrent_flags.paused
        self.handle = session.add_torrent(params)

    def join(self) -> None:
        """Begins to fetch: all peers are told at once."""
        with self.news:
            if self.joined:
                return
            self.joined = True
        self.handle.resume()
        for peer in self.spec["peers"]:
            self.handle.connect_peer((peer, self.port))

    def want(self, position: int) -> None:
        """Sets the deadlines ahead of a reader."""
        first = position // self.piece
        count = int(WINDOW * self.spec["rate"] / self.piece) + 1
        for piece in range(first, min(first + count, self.info.num_pieces())):
            if not self.handle.have_piece(piece):
                due = (piece - first) * self.piece / self.spec["rate"]
                self.handle.set_piece_deadline(piece, int(due * 1000))

    def bytes_at(self, position: int) -> bytes:
        """The rest of the piece at a position, as soon as it is there."""
        piece = position // self.piece
        with self.news:
            while not self.handle.have_piece(piece):
                self.news.wait(0.5)
            self.read.pop(piece, None)
            self.handle.read_piece(piece)
            while piece not in self.read:
                self.news.wait(0.5)
            return self.read.pop(piece)[position % self.piece:]

    def figures(self) -> dict:
        """What libtorrent counts."""
        status = self.handle.status()
        return {
            "films": {self.spec["name"]: [status.num_pieces, self.info.num_pieces()]},
            "sent": status.total_payload_upload,
            "received": status.total_payload_download,
            "duplicates": status.total_redundant_bytes + status.total_failed_bytes,
            "piece": self.piece,
            "peers": status.num_peers,
        }


class Host:
    """The session and its films."""

    def __init__(self, spec: dict) -> None:
        listen = {"listen_interfaces": f"{spec['address']}:{spec['port']}"}
        mask = lt.alert.category_t
        alerts = {"alert_mask": mask.piece_progress_notification | mask.status_notification
                  | mask.storage_notification | mask.error_notification}
        self.session = lt.session(SETTINGS | listen | alerts)
        self.films = {film["name"]: Film(self.session, film, spec["port"])
                      for film in spec["films"]}
        self.by_hash = {film.info.info_hash(): film for film in self.films.values()}
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        """Hands libtorrent's news to those who wait for them."""
        while True:
            self.session.wait_for_alert(1000)
            for alert in self.session.pop_alerts():
                if isinstance(alert, lt.torrent_alert) and alert.handle.is_valid():
                    self.tell(alert)

    def tell(self, alert: lt.torrent_alert) -> None:
        """Handles one alert about a film."""
        film = self.by_hash[alert.handle.info_hash()]
        with film.news:
            if isinstance(alert, lt.read_piece_alert) and alert.buffer is not None:
                film.read[alert.piece] = alert.buffer
            film.news.notify_all()

    def wait_until_seeding(self) -> None:
        """Waits until what this host shares is checked."""
        for film in self.films.values():
            while film.spec["shared"] and not film.handle.status().is_seeding:
                time.sleep(0.02)

    def figures(self) -> dict:
        """All films' figures together."""
        parts = [film.figures() for film in self.films.values()]
        total = {key: sum(part[key] for part in parts)
                 for key in ("sent", "received", "duplicates")}
        films = {name: have for part in parts for name, have in part["films"].items()}
        return total | {"films": films, "parts": parts}


class Handler(BaseHTTPRequestHandler):
    """The viewer's requests."""

    host: Host
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """No log: it would only cost time."""

    def setup(self) -> None:
        """What is sent but not read must not count as read by the player."""
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)
        super().setup()

    def begin(self, status: int, length: int, extra: dict[str, str]) -> None:
        """Sends the head of a response."""
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in extra.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        """Answers."""
        kind, _, name = self.path.lstrip("/").partition("/")
        film = self.host.films.get(name)
        if kind == "status.json":
            body = json.dumps(self.host.figures()).encode()
            self.begin(200, len(body), {})
            self.wfile.write(body)
        elif film is None:
            self.begin(404, 0, {})
        elif kind == "whole":
            self.whole(film)
        else:
            self.stream(film)

    def whole(self, film: Film) -> None:
        """Fetches all, and says when it is there."""
        film.join()
        with film.news:
            while not film.handle.status().is_seeding:
                film.news.wait(0.1)
        self.begin(200, 5, {})
        self.wfile.write(b"done\n")

    def stream(self, film: Film) -> None:
        """Sends the film from where the player asks."""
        film.join()
        first = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        span = f"bytes {first}-{film.size - 1}/{film.size}"
        film.handle.clear_piece_deadlines()
        self.begin(206 if first else 200, film.size - first, {"Content-Range": span})
        position = first
        try:
            while position < film.size:
                film.want(position)
                data = film.bytes_at(position)
                self.wfile.write(data)
                position += len(data)
        except OSError:
            self.close_connection = True


class Server(ThreadingHTTPServer):
    """A thread a connection; none outlives the program."""

    daemon_threads = True


def create(file: Path, torrent: Path) -> None:
    """Makes a torrent as libtorrent would, with its choice of piece length.

    Version 1 only: a hybrid would hash everything twice.
    """
    maker = lt.create_torrent(lt.list_files(str(file)), 0, lt.create_torrent.v1_only)
    lt.set_piece_hashes(maker, str(file.parent))
    torrent.write_bytes(lt.bencode(maker.generate()))


def run(spec: dict) -> None:
    """Serves until killed."""
    host = Host(spec)
    host.wait_until_seeding()
    Handler.host = host
    server = Server(("127.0.0.1", spec["http"]), Handler)
    print(json.dumps({"ready": True}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "create":
        create(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        run(json.loads(sys.argv[2]))
