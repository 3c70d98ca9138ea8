// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Cgroups
import Kernel
import NodeLink
import ProcFS

/// `umwelt view`: the command line of it.
struct ViewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "view",
        abstract: "Print what a container reads.",
        usage: "umwelt view FILE [--container ID | --pid PID]",
        discussion: """
            Prints the file as the container reads it. The running umweltd produces it, so what is printed is what a \
            program in there gets at this moment. Without one the command produces it itself.

            FILES
              meminfo  cpuinfo  stat  uptime  loadavg  diskstats  swaps  slabinfo
              pressure/cpu  pressure/memory  pressure/io
              cpu/online  cpu/possible  cpu/present  cpu/offline  node/node0/meminfo
              or a full path: /proc/meminfo, /sys/devices/system/cpu/online

            EXAMPLES
              umwelt view meminfo --container web
              umwelt view pressure/cpu --pid 4711
              umwelt view cpu/online

            EXIT STATUS
              0; 1 where there is no such file, container or process, 2 for a wrong
              command line.
            """
    )

    @Argument(help: "The file, by its name below /proc, by cpu/NAME or node/NAME, or by its full path.") var file:
        String
    @Option(help: ArgumentHelp("As this container reads it, by the name it was registered with.", valueName: "id"))
    var container: String?
    @Option(help: ArgumentHelp("As this process reads it. Default: as this command would.", valueName: "pid"))
    var pid: Int32?
    @Option(help: RunHelp.stateDirectory, transform: RunParsing.stateDirectory) var stateDir: String?

    func validate() throws {
        if container != nil, pid != nil {
            throw ValidationError("--container and --pid exclude each other")
        }
        if let pid, pid < 1 { throw ValidationError("a process number is 1 at least") }
        if let container, !ContainerName.isValid(container) { throw ValidationError(ContainerName.rule) }
    }

    func run() throws {
        guard let path = ViewPath.resolve(file) else {
            throw Failure.usage("\(file) is no file that a container has of its own (see 'umwelt help view')")
        }
        try Standard.output(try content(path))
    }

    private func content(_ path: String) throws -> [UInt8] {
        let state = StateDirectory(stateDir)
        let daemon: DaemonClient
        do {
            daemon = try DaemonClient(socket: state.socket, hold: true)
        } catch is DaemonClient.Absent {
            return try withoutDaemon(path, socket: state.socket)
        }
        guard let container else {
            let caller = pid ?? ProcessID.own
            return try daemon.request(.view, ["\(caller)", path]).first ?? []
        }
        let directory = daemon.greeting.mountPoint + "/containers/" + container
        guard FileTree.isThere(Path(directory)) else {
            throw Failure.failed("no container \(container) is registered with the daemon")
        }
        do throws(Errno) {
            return try Fd.contents(of: Path(directory + "/" + path), limit: 16 << 20)
        } catch .noEntry {
            throw Failure.failed("the container \(container) has no \(path) of its own")
        } catch .isDirectory {
            throw Failure.failed("\(path) is a directory")
        } catch {
            throw Failure.failed("cannot read \(directory)/\(path): \(error)")
        }
    }

    /// Without a daemon this process renders the file itself: the same code on the same cgroups, without a history.
    private func withoutDaemon(_ path: String, socket: String) throws -> [UInt8] {
        if let container {
            throw Failure.failed(
                "no umweltd listens at \(socket), so no container \(container) is registered; name a process (--pid)"
            )
        }
        let pid = pid ?? ProcessID.own
        guard FileTree.isThere(Path("/proc/\(pid)")) else { throw Failure.failed("there is no process \(pid)") }
        let place = HostPlace.enter()
        let files = UmweltFS(hierarchies: Hierarchies(mountinfo: place.mountinfo, prefix: place.prefix))
        do throws(Errno) { return try files.view(Array(path.utf8), for: pid) } catch .noProcess {
            throw Failure.failed("process \(pid) has ended")
        } catch .permissionDenied {
            throw Failure.failed("may not look into process \(pid) without a daemon: be its user, or root")
        } catch {
            throw Failure.failed("cannot show \(path) to process \(pid): \(error)")
        }
    }
}
