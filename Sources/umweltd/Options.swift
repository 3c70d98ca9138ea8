// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// What the command line says.
struct Options: Equatable {
    var mountPoint: Path?
    var socket: Path = "/run/umwelt/umweltd.sock"
    var isEmbedded = false
    var readyFd: Int32?
    var threads = 0
    var isPlaced = true

    static let version = "0.1.0"

    static let help = """
        umweltd: serves each container its own /proc and /sys/devices/system/cpu

        Usage: umweltd [OPTION...] [MOUNTPOINT]

          MOUNTPOINT          where to mount (default /var/lib/umwelt; with --embedded /run/umwelt/mnt)
          --socket PATH       where clients reach the daemon (default /run/umwelt/umweltd.sock)
          --embedded          end when no client holds the daemon and no container is registered
          --threads N         requests served at a time, 1 to 64 (default: the number of CPUs, at least 2, at most 8)
          --no-placement      leave the placement of threads to the scheduler
          --ready-fd N        write a line to descriptor N once the daemon serves
          --version, --help

        Files, below MOUNTPOINT:
          proc/, sys/                 answered for the container of the process that reads them
          containers/ID/{proc,sys}/   answered for the registered container ID

        Signals: SIGTERM and SIGINT unmount and end the daemon.

        """

    enum Action: Equatable {
        case run(Options)
        case printVersion
        case printHelp
        /// What is wrong, in words.
        case refuse(String)
    }

    static func parse(_ arguments: some Sequence<String>) -> Action {
        var options = Options()
        var rest = Array(arguments)[...]
        while let argument = rest.popFirst() {
            var name = argument
            var attached: String?
            if argument.hasPrefix("--"), let equals = argument.firstIndex(of: "=") {
                name = String(argument[..<equals])
                attached = String(argument[argument.index(after: equals)...])
            }
            func value() -> String? { attached ?? rest.popFirst() }
            func number(_ range: ClosedRange<Int>) -> Int? {
                value().flatMap(Int.init).flatMap { range.contains($0) ? $0 : nil }
            }
            switch name {
            case "--help", "-h": return .printHelp
            case "--version", "-v": return .printVersion
            case "--embedded": options.isEmbedded = true
            case "--no-placement": options.isPlaced = false
            case "--socket":
                guard let path = value(), !path.isEmpty else { return .refuse("--socket needs a path") }
                options.socket = Path(path)
            case "--threads":
                guard let count = number(1...64) else { return .refuse("--threads needs a number from 1 to 64") }
                options.threads = count
            case "--ready-fd":
                guard let fd = number(0...Int(Int32.max)) else {
                    return .refuse("--ready-fd needs a descriptor's number")
                }
                options.readyFd = Int32(fd)
            default:
                guard !argument.hasPrefix("-") else { return .refuse("unknown option \(argument)") }
                guard options.mountPoint == nil else { return .refuse("more than one mount point: \(argument)") }
                guard !argument.isEmpty else { return .refuse("the mount point is empty") }
                options.mountPoint = Path(argument)
            }
        }
        return .run(options)
    }
}
