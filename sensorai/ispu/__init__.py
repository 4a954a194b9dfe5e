"""ISPU: programs for the programmable core in ST's sensors.

A project in C with its own start-up (``project``), memory images out of ELF or SREC (``elf``,
``image``), settings in ``conf.txt`` (``conf``, ``hub``), the register file that loads it all
(``loader``) and the way back (``unload``), and the same C run on this machine (``virtual``). Nothing
here has run on a sensor: what is known of the core comes from the facts, and only ST's compiler can
tell sizes, stack and time.
"""
