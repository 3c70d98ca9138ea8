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
        subcommands: [Attach.self, Mounts.self]
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

    /// At `createContainer`: mounts as a runtime itself does not make them.
    struct Mounts: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make the mounts that a runtime does not make.")

        @Option(help: "The directory that becomes the container's root.") var rootfs: String
        @Option(help: "The directory of the pressure files.") var pressure: String?

        func run() throws {
            // On cgroup v1 runc leaves the tmpfs that holds the hierarchies writable. Before Linux 5.12 it stays so.
            try? Mount.setAttributes(of: Path(rootfs + "/sys/fs/cgroup"), set: Mount.attributeReadOnly)
            // runc refuses to mount over /proc/pressure.
            guard let pressure else { return }
            for name in Views.pressureFiles {
                let target = Path(rootfs + "/proc/pressure/" + name)
                guard FileTree.isThere(target) else { continue }
                do throws(Errno) { try Mount.bind(Path(pressure + "/" + name), on: target, readOnly: true) } catch {
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
