"""Measures playback from outside, as a viewer sees and hears it.

* `cli`: command line, checks, the run as a whole; `common`: constants, waiting, errors.
* `film`: the test film, whose frames carry their numbers and whose seconds flash and beep.
* `screen`: pixels, pointer and keys of the display; `capture`: a thread that reads the numbers.
* `sound`: recording, calibration, onsets of beeps.
* `processes`: CPU time of processes; `session`: display, sound server, tracker and client.
* `measure`: the measurements; `report`: figures, targets, table.
"""
