"""``python -m netcalc``"""

from netcalc.cli import main

if __name__ == "__main__":
    main(prog_name="netcalc")
