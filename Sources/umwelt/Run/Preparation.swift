// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// What can be found wrong before anything is made.
struct Preparation {
    let options: RunOptions
    let facts: HostFacts
    let runtime: Runtime

    init(_ asked: RunOptions, state: StateDirectory) throws(Failure) {
        guard ProcessID.effectiveUser == 0 else {
            throw .failed("only root can make containers; try: sudo umwelt run ...")
        }
        var options = asked
        if let rootfs = asked.rootfs { options.rootfs = try Self.directory(rootfs) }
        for (index, volume) in asked.volumes.enumerated() {
            do throws(Errno) {
                options.volumes[index].source = try FileTree.resolved(Path(volume.source)).description
            } catch {
                throw .failed("--volume \(volume.source): \(Self.lowercased(error))")
            }
        }
        if asked.rootfs == nil { try Self.place(&options.volumes) }
        let variables = Self.environment()
        // What is no UTF-8 cannot be said in OCI's JSON: it counts as not there.
        facts = HostFacts.read(environment: variables.compactMap { String(validating: $0, as: UTF8.self) })
        for case .inherit(let name) in options.environment where facts.variable(name) == nil {
            guard !variables.contains(where: { $0.starts(with: Array((name + "=").utf8)) }) else {
                throw .failed("--env \(name): its value is no UTF-8; a container's configuration cannot hold it")
            }
        }
        try LimitCheck.check(options, facts)
        guard facts.layout != .missing else {
            throw .failed(
                "no cgroups are mounted at /sys/fs/cgroup; mount them: mount -t cgroup2 cgroup2 /sys/fs/cgroup"
            )
        }
        if options.hasTerminal, isatty(0) != 1 {
            throw .failed("--tty needs a terminal on standard input; leave it out")
        }
        runtime = try Runtime.choose(options.runtime, searchPath: facts.variable("PATH") ?? "", state: state)
        self.options = options
        try checkCommand()
    }

    private func checkCommand() throws(Failure) {
        let builder = SpecBuilder(
            options: options,
            facts: facts,
            places: SpecBuilder.Places(root: "", views: "", bundle: "", cgroup: "", socket: "", program: "")
        )
        let path = builder.environment.first { $0.hasPrefix("PATH=") }.map { String($0.dropFirst("PATH=".count)) } ?? ""
        let lookup = CommandLookup(
            options: options,
            workingDirectory: builder.workingDirectory,
            callersDirectory: facts.workingDirectory,
            searchPath: path
        )
        try lookup.checkWorkingDirectory()
        try lookup.check()
    }

    /// Puts volumes where their destinations lead on the host.
    private static func place(_ volumes: inout [Volume]) throws(Failure) {
        for index in volumes.indices {
            let asked = volumes[index].destination
            let (place, known) = HostView.place(of: asked)
            guard place == known || (try? FileStatus.of(Path(known)))?.isDirectory ?? true else {
                throw .failed("--volume \(asked): \(known) is a file")
            }
            do throws(Volume.Problem) { try Volume.check(destination: place) } catch {
                throw .failed("--volume \(asked): \(error.text)")
            }
            guard !volumes[..<index].contains(where: { $0.destination == place }) else {
                throw .failed("--volume \(asked): there is a volume already")
            }
            volumes[index].destination = place
        }
    }

    private static func directory(_ rootfs: String) throws(Failure) -> String {
        let path: Path
        let isDirectory: Bool
        do throws(Errno) {
            path = try FileTree.resolved(Path(rootfs))
            isDirectory = try FileStatus.of(path).isDirectory
        } catch {
            throw .failed("--rootfs \(rootfs): \(lowercased(error))")
        }
        guard isDirectory else { throw .failed("--rootfs \(rootfs): not a directory") }
        guard path != "/" else {
            throw .failed("--rootfs /: leave it out to see the host's file system, read-only")
        }
        return path.description
    }

    private static func lowercased(_ error: Errno) -> String { error.description.lowercased() }

    /// The caller's variables.
    private static func environment() -> [ArraySlice<UInt8>] {
        ((try? Fd.contents(of: "/proc/self/environ", limit: 4 << 20)) ?? []).split(separator: 0)
    }
}
