// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Attachment
import FoundationEssentials
import Kernel
import NodeLink
import OCISpec

/// `umwelt hook`: what a runtime calls while it makes a container.
///
/// Not for people.
struct HookCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hook",
        abstract: "What an OCI runtime calls while it makes a container.",
        shouldDisplay: false,
        subcommands: [Attach.self, Pressure.self]
    )

    /// At `createRuntime`: tells the daemon the container's first process.
    struct Attach: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Tell the daemon a container's first process.")

        @Option(help: "The daemon's socket.") var socket: String
        @Option(help: "The container.") var id: String
        @Option(help: "Where to write the process's number.") var file: String

        func run() throws {
            let state = try HookCommand.state()
            guard let pid = state.pid, pid > 0 else {
                throw Failure.failed("hook: the runtime does not say the process")
            }
            do throws(Errno) { try FileTree.write(Array("\(pid)\n".utf8), to: Path(file)) } catch {
                throw Failure.failed("hook: cannot write \(file): \(error)")
            }
            do {
                _ = try DaemonClient(socket: socket, hold: false).request(.attach, [id, "\(pid)"])
            } catch is DaemonClient.Absent {
                throw Failure.failed("hook: no daemon listens at \(socket)")
            }
        }
    }

    /// At `createContainer`: puts the pressure files in place, over which runc mounts nothing itself.
    struct Pressure: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Put the pressure files in place.")

        @Option(help: "The directory of the files.") var from: String
        @Option(help: "The directory that becomes the container's root.") var rootfs: String

        func run() throws {
            for name in Views.pressureFiles {
                let target = Path(rootfs + "/proc/pressure/" + name)
                guard FileTree.isThere(target) else { continue }
                do throws(Errno) { try Mount.bind(Path(from + "/" + name), on: target, readOnly: true) } catch {
                    throw Failure.failed("hook: cannot mount over /proc/pressure/\(name): \(error)")
                }
            }
        }
    }

    /// The container's state, from standard input.
    private static func state() throws(Failure) -> State {
        var bytes: [UInt8] = []
        do throws(Errno) {
            let input = try Fd.standard(0)
            while bytes.count < 1 << 20 {
                var buffer = [UInt8](repeating: 0, count: 4096)
                let count = try input.read(into: &buffer)
                if count == 0 { break }
                bytes.append(contentsOf: buffer.prefix(count))
            }
        } catch {
            throw .failed("hook: cannot read the container's state: \(error)")
        }
        do { return try JSONDecoder().decode(State.self, from: Data(bytes)) } catch {
            throw .failed("hook: standard input is not a container's state")
        }
    }
}
