"""`python -m gateway.cli`: the command `understudy` of this very Python."""

from gateway.cli import main

if __name__ == "__main__":
    main()
