// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser

/// The words of `umwelt help run`.
enum RunHelp {
    static let discussion = """
        Makes a container with runc or crun, with its own processes, mounts, IPC, host name and cgroup, and the host's \
        network. What it reads in /proc and /sys/devices/system is its own: memory, CPUs, load, uptime, disks, pressure.

        Without --rootfs it sees the host's file system: read-only, with empty /tmp, /var/tmp, /run and /dev of its own. \
        Every file of the host that root can read can be read in there; no socket file of the host can be reached. \
        Abstract sockets belong to the network, which is the host's.

        Without --tty the command has umwelt's own standard streams, as without a container. Started in the terminal's \
        background it has nothing to read; put there later (Ctrl-Z, bg) it goes on reading what is typed.

        EXAMPLES
          umwelt run --memory 256M -- free -m
          umwelt run --cpus 0.5 -- getconf _NPROCESSORS_ONLN
          umwelt run --memory 1G --cpus 2 --tty -- bash
          umwelt run --rootfs ./alpine --volume ./src:/src:ro --workdir /src -- make
          umwelt run --env JAVA_OPTS=-Xlog:os+container --env LANG -- java -version

        SIGNALS
          What is sent to umwelt goes to the command. One that the command does not
          handle ends it, as it would outside a container: Ctrl-C ends
          'umwelt run -- sleep 1000' at once; Ctrl-Z stops it. With --tty the
          terminal is the container's own, and keys go there; a first process that
          does not handle Ctrl-C ignores it, as in any container.

        EXIT STATUS
          The command's; 128 + n where signal n ended it; 127 where there is no such
          command and 126 where it cannot be executed; 2 for a wrong command line, 1
          where the container could not be made.
        """

    static let memory = ArgumentHelp(
        "Memory the container may use: bytes, or with K, M, G or T. At least 6M, at most what the host has.",
        valueName: "size"
    )
    static let cpus = ArgumentHelp(
        "CPU time, as a number of CPUs: 0.5 is half of one's. The container sees as many, rounded up.",
        valueName: "number"
    )
    static let cpuset = ArgumentHelp("The CPUs it may run on, such as 0-1,3.", valueName: "list")
    static let swap = ArgumentHelp(
        """
        Swap it may use on top of --memory. Without this: as much as --memory, where the kernel accounts for swap. 0: \
        none.
        """,
        valueName: "size"
    )
    static let pids = ArgumentHelp(
        "Processes and threads it may have, at most what the host can. The runtime needs some: runc fails below about 8.",
        valueName: "number"
    )
    static let name = ArgumentHelp(
        "The container's name, and its cgroup's: /umwelt/NAME (with --state-dir, below one named after that). Default: random.",
        valueName: "id"
    )
    static let hostname = ArgumentHelp("Its host name. Default: its name.", valueName: "hostname")
    static let rootfs = ArgumentHelp(
        "The directory that is its file system, writable. Default: the host's own, read-only.",
        valueName: "directory"
    )
    static let env = ArgumentHelp(
        "Set an environment variable, or hand the caller's on. Can be repeated.",
        valueName: "NAME[=value]"
    )
    static let volume = ArgumentHelp(
        "Show a file or directory of the host in the container. Can be repeated.",
        valueName: "source:destination[:ro|:rw]"
    )
    static let workdir = ArgumentHelp(
        "Where the command starts. Default: here, without --rootfs and where the container has it; else /.",
        valueName: "directory"
    )
    static let user = ArgumentHelp(
        "Who the command runs as, in numbers. Default: 0:0. Others than 0 have no capabilities.",
        valueName: "uid[:gid]"
    )
    static let tty = ArgumentHelp("Give the command a terminal of its own, connected to this one.")
    static let runtime = ArgumentHelp(
        "The OCI runtime: runc, crun, or the path of one that takes runc's arguments. Default: runc, else crun.",
        valueName: "runtime"
    )
    static let stateDirectory = ArgumentHelp(
        "Where sockets, mounts and bundles are kept while needed. Default: /run/umwelt.",
        valueName: "directory"
    )
    static let command = ArgumentHelp("The command and its arguments, after '--'.")
}
