"""The network lab: a swarm of shaped hosts on one machine, and what viewers see.

* `cli`: the command; `scenario`: what a TOML file under scenarios/ says.
* `network`: namespaces, one bridge, shaped links; `processes`: what runs there.
* `media`: random bytes that pass for media at a constant bitrate.
* `engine_ours`, `engine_libtorrent` (with `libtorrent_host`): the systems.
* `viewer`: a player that shows nothing and notes every stall.
* `run`: one system through one scenario; `events`: what happens meanwhile.
* `report`: figures, table, expectations; `chart`: the buffers as SVG.
"""
