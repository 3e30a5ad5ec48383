"""The world as `up` leaves it: no fault at all."""

from ..say import say


def fault(lab, options):
    say("Nothing to do: this is the world as it starts.")


def heal(lab):
    say("Nothing to do.")
