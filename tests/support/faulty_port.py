"""A serial port whose line flips, loses and doubles bytes, pauses, and may go for good."""

import random
import time

import serial


class FaultyPort:
    """Another port, with faults at random both ways.

    Parameters
    ----------
    port : pyserial port
    seed : int
    odds : float
        Of a fault, for each byte.
    gone_after : int, optional
        Bytes after which the port is gone, as when its cable is pulled.
    """

    def __init__(self, port, seed, odds=0.0, gone_after=None):
        self.port = port
        self.random = random.Random(seed)
        self.odds = odds
        self.left = gone_after
        self.faults = 0

    @property
    def in_waiting(self):
        return self.port.in_waiting

    def read(self, size=1):
        return self._harmed(self.port.read(size))

    def write(self, data):
        self.port.write(self._harmed(data))
        return len(data)

    def close(self):
        self.port.close()

    def _harmed(self, data):
        if self.left is not None:
            self.left -= len(data)
            if self.left < 0:
                raise serial.SerialException("the cable was pulled")
        if not data or self.random.random() > self.odds * len(data) + 1e-9:
            return data
        out = bytearray(data)
        self.faults += 1
        place = self.random.randrange(len(out))
        match self.random.choice(["flip", "lose", "double", "pause", "cut", "noise"]):
            case "flip":
                out[place] ^= 1 << self.random.randrange(8)
            case "lose":
                del out[place]
            case "double":
                out.insert(place, out[place])
            case "pause":
                time.sleep(0.02)
            case "cut":
                del out[place:]
            case "noise":
                out[place:place] = self.random.randbytes(self.random.randrange(1, 20))
        return bytes(out)
