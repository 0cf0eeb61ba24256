"""airpost: text messages through a box of GSM/4G sticks, with an honest account of each."""

__version__ = "0.1.0"
