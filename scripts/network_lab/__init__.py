"""The network lab: a swarm of hosts with shaped links on one machine.

* `cli`: command line; `scenario`: format of the TOML files under scenarios/.
* `network`: namespaces, one bridge, shaped links; `processes`: programs on the hosts.
* `media`: random bytes in the shape of media with a constant bitrate.
* `engine_ours`, `engine_libtorrent` (with `libtorrent_host`): the systems under test.
* `viewer`: a player without output that records every stall.
* `run`: one run of one system; `events`: failures during the run.
* `report`: figures, table, expectations; `chart`: buffers as SVG.
"""
