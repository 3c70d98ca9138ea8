// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Attachment
import OCISpec

/// Builds a container's `config.json` from what was asked for and what the host is; touches nothing.
struct SpecBuilder {
    /// Where the things that the container is made of are.
    struct Places: Equatable {
        /// The directory that becomes the container's root.
        var root: String
        /// The daemon's directory of this container's files.
        var views: String
        var bundle: String
        /// The cgroup that this container's is made in.
        var cgroup: String
        /// The daemon's socket.
        var socket: String
        /// This program, for the hooks.
        var program: String
    }

    let options: RunOptions
    let facts: HostFacts
    let places: Places

    /// The whole configuration.
    var config: Config {
        var process = Config.Process(
            user: Config.User(uid: options.user.user, gid: options.user.group),
            args: options.command,
            cwd: workingDirectory
        )
        process.terminal = options.hasTerminal
        process.env = environment
        process.noNewPrivileges = true
        // As the kernel has it for who is not root: what may be gained is bounded, what is held is nothing.
        let held = options.user.user == 0 ? SpecDefaults.capabilities : []
        process.capabilities = Config.Capabilities(
            bounding: SpecDefaults.capabilities,
            effective: held,
            permitted: held
        )

        var linux = Config.Linux(
            namespaces: ["pid", "mount", "ipc", "uts", "cgroup"].map { Config.Namespace(type: $0) }
        )
        linux.cgroupsPath = "/\(places.cgroup)/\(options.name)"
        linux.resources = resources
        linux.maskedPaths = SpecDefaults.maskedPaths
        linux.readonlyPaths = SpecDefaults.readonlyPaths

        var config = Config(
            root: Config.Root(path: places.root, readonly: options.rootfs == nil),
            process: process,
            linux: linux
        )
        config.hostname = options.hostname
        config.mounts = mounts
        config.hooks = hooks
        return config
    }

    var resources: Config.Resources {
        var resources = Config.Resources()
        // The runtime adds the harmless ones: null, zero, full, random, urandom, tty, ptmx, console.
        resources.devices = [Config.DeviceRule(allow: false, access: "rwm")]
        if let memory = options.memory?.bytes {
            let swap = options.swap?.bytes ?? memory
            let (both, overflow) = memory.addingReportingOverflow(swap)
            resources.memory = Config.Memory(
                limit: memory,
                swap: facts.accountsForSwap ? (overflow ? .max : both) : nil
            )
        }
        if options.cpus != nil || options.cpuset != nil {
            resources.cpu = Config.CPU(
                quota: options.cpus?.quota,
                period: options.cpus.map { _ in UInt64(CPUAmount.period) },
                cpus: options.cpuset.map(LimitCheck.list)
            )
        }
        resources.pids = options.pids.map { Config.PIDs(limit: $0) }
        return resources
    }

    /// In the order they are made: what lies below comes after.
    var mounts: [Config.Mount] {
        var mounts = SpecDefaults.mounts
        if options.rootfs == nil {
            mounts += SpecDefaults.privateMounts
            mounts += facts.displacedFiles.map {
                Config.Mount(
                    destination: $0,
                    type: "bind",
                    source: $0,
                    options: ["bind", "ro", "nosuid", "nodev", "noexec"]
                )
            }
        }
        mounts += options.volumes.map {
            Config.Mount(
                destination: $0.destination,
                type: "bind",
                source: $0.source,
                // "ro" is for the mount itself alone.
                options: ["rbind", "rprivate"]
                    + (!$0.isReadOnly ? ["rw"] : facts.canProtectSubmounts ? ["ro", "rro"] : ["ro"])
            )
        }
        var views = Views.procFiles.filter { facts.procFiles.contains($0) }.map { "proc/" + $0 }
        views.append(Views.cpuDirectory)
        if facts.hasNodes { views.append(Views.nodeDirectory) }
        return mounts
            + views.map {
                Config.Mount(
                    destination: "/" + $0,
                    type: "bind",
                    source: places.views + "/" + $0,
                    options: ["bind", "ro", "nosuid", "nodev", "noexec"]
                )
            }
    }

    var hooks: Config.Hooks {
        func hook(_ arguments: [String]) -> Config.Hook {
            Config.Hook(
                path: places.program,
                args: ["umwelt", "hook"] + arguments,
                env: ["PATH=/usr/bin:/bin"],
                timeout: 30
            )
        }
        let attach = hook([
            "attach", "--socket", places.socket, "--id", options.name, "--file", places.bundle + "/init",
        ])
        let pressure = facts.hasPressure ? ["--pressure", places.views + "/proc/pressure"] : []
        return Config.Hooks(
            createRuntime: [attach],
            createContainer: [hook(["mounts", "--rootfs", places.root] + pressure)]
        )
    }

    /// A later entry for a name takes the place of an earlier one.
    var environment: [String] {
        var entries: [(name: String, value: String)] = []
        func set(_ name: String, _ value: String) {
            entries.removeAll { $0.name == name }
            entries.append((name, value))
        }
        set("PATH", options.rootfs == nil ? facts.variable("PATH") ?? SpecDefaults.path : SpecDefaults.path)
        if let terminal = facts.variable("TERM") { set("TERM", terminal) }
        if options.rootfs == nil {
            // The tools are the caller's own, and find what they need as they do outside.
            for entry in facts.environment {
                guard let equals = entry.firstIndex(of: "=") else { continue }
                let name = String(entry[..<equals])
                let isHome = name == "HOME" && options.user.user == 0
                guard isHome || name == "LANG" || name == "LANGUAGE" || name == "TZ" || name.hasPrefix("LC_") else {
                    continue
                }
                set(name, String(entry[entry.index(after: equals)...]))
            }
        }
        for option in options.environment {
            switch option {
            case .set(let name, let value): set(name, value)
            case .inherit(let name): if let value = facts.variable(name) { set(name, value) }
            }
        }
        return entries.map { $0.name + "=" + $0.value }
    }

    /// The directory the command starts in.
    var workingDirectory: String {
        if let directory = options.workingDirectory { return directory }
        guard options.rootfs == nil, let here = facts.workingDirectory, here.hasPrefix("/") else { return "/" }
        let isShown = options.volumes.contains { CleanPath.is(here, below: $0.destination) }
        // The private directories themselves are there, with content of their own.
        let isHidden = SpecDefaults.privateDirectories.contains { here != $0 && CleanPath.is(here, below: $0) }
        return isShown || !isHidden ? here : "/"
    }
}
