// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Attachment
import FuseWire
import Keeper
import Kernel

/// What the command line says.
struct Options: Equatable {
    var mountPoint: Path?
    var socket: Path = "/run/umwelt/umweltd.sock"
    var isEmbedded = false
    var readyFd: Int32?
    var threads = 0
    var isPlaced = true
    /// Which of the daemon's processes this is to be.
    var part = Part.keeper(nil)

    /// One program, several processes.
    enum Part: Equatable {
        /// What people start: holds the connection and sees to it that a worker serves.
        ///
        /// With something held already where it follows another process.
        case keeper(Held?)
        /// Serves, on what the keeper gave it.
        case worker(Negotiated, refused: [UInt64], areas: Int)
        /// Replaces dead mounts in running containers, then ends.
        case mend
        /// Takes the views away from running containers, then ends: those of the connection with this minor device number, and
        /// dead ones.
        case takeAway(UInt32)
    }

    static let version = "0.1.0"

    static let help = """
        umweltd: serves each container its own /proc and /sys/devices/system/cpu

        Usage: umweltd [OPTION...] [MOUNTPOINT]

          MOUNTPOINT          where to mount (default /var/lib/umwelt; with --embedded /run/umwelt/mnt)
          --socket PATH       where clients reach the daemon (default /run/umwelt/umweltd.sock)
          --embedded          end when no client holds the daemon and no container is registered
          --threads N         requests served at a time, 1 to 64 (default: the number of CPUs, at least 2, at most 8)
          --no-placement      leave the placement of threads to the scheduler
          --ready-fd N        write a line to descriptor N, which is open, once the daemon serves
          --version, --help

        Files, below MOUNTPOINT:
          proc/, sys/                 answered for the container of the process that reads them
          containers/ID/{proc,sys}/   answered for the registered container ID

        Signals: SIGTERM and SIGINT unmount and end the daemon; SIGHUP goes over to the program's file as it is now.

        Examples:
          umweltd                     serve below /var/lib/umwelt until it is told to end
          umweltd --socket /run/test.sock /mnt/test    a second one, beside it
          umwelt --help               what to do with it: run, attach, ps, view, upgrade, stop

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
                guard let path = value(), !path.isEmpty, attached != nil || !path.hasPrefix("-") else {
                    return .refuse("--socket needs a path")
                }
                options.socket = Path(path)
            case "--part":
                guard let text = value(), let part = Part(text) else { return .refuse("--part is for umweltd itself") }
                options.part = part
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

extension Options {
    /// The arguments that start another process of this daemon; the program's name first.
    func arguments(for part: Part) -> [String] {
        var words = ["umweltd", "--socket", "\(socket)"]
        if isEmbedded { words.append("--embedded") }
        if !isPlaced { words.append("--no-placement") }
        if threads > 0 { words += ["--threads", "\(threads)"] }
        return words + ["--part", part.text, "\(mount)"]
    }

    var mount: Path { mountPoint ?? (isEmbedded ? "/run/umwelt/mnt" : "/var/lib/umwelt") }

    /// Where registered containers are noted.
    var table: Path { Path(socket.bytes + Array(".table".utf8)) }

    var mountNotes: MountNotes { MountNotes(socket: socket) }

    /// How many requests are served at a time.
    var threadCount: Int { threads > 0 ? threads : max(2, min(8, (try? Affinity.current().count) ?? 2)) }
}

extension Options.Part {
    var text: String {
        switch self {
        case .mend: "mend"
        case .takeAway(let minor): "take-away:\(minor)"
        case .keeper(let held): "keeper:" + (held?.text ?? "")
        case .worker(let negotiated, let refused, let areas):
            "worker:\(negotiated.text):\(refused.map(String.init).joined(separator: ",")):\(areas)"
        }
    }

    init?(_ text: String) {
        let fields = text.split(separator: ":", omittingEmptySubsequences: false)
        switch fields.first {
        case "mend" where fields.count == 1: self = .mend
        case "take-away" where fields.count == 2:
            guard let minor = UInt32(fields[1]) else { return nil }
            self = .takeAway(minor)
        case "keeper" where fields.count == 2:
            guard let held = Held(String(fields[1])) else { return nil }
            self = .keeper(held)
        case "worker" where fields.count == 4:
            guard let negotiated = Negotiated(text: fields[1]), let areas = Int(fields[3]),
                (0...Held.areaLimit).contains(areas)
            else { return nil }
            self = .worker(negotiated, refused: fields[2].split(separator: ",").compactMap { UInt64($0) }, areas: areas)
        default: return nil
        }
    }
}
