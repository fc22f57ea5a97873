"""Run `benchmarks.command`. Not at the top: each of the processes that are measured imports this module again."""

if __name__ == "__main__":
    import sys

    from benchmarks.command import main

    main(sys.argv[1:])
