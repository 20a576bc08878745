"""`python -m inrcodec` is the command `inrcodec`."""

from inrcodec.cli.main import main

if __name__ == "__main__":
    main()
