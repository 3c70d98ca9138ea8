// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import OCISpec
import Samples
import Testing

@testable import umwelt

@Suite struct SpecBuilderTests {
    private func build(rootfs: String? = nil, _ ask: (inout RunOptions) -> Void = { _ in }) -> Config {
        build(rootfs: rootfs, facts: { _ in }, ask)
    }

    private func build(
        rootfs: String? = nil,
        facts change: (inout HostFacts) -> Void,
        _ ask: (inout RunOptions) -> Void = { _ in }
    ) -> Config {
        var facts = HostFacts()
        facts.accountsForSwap = true
        facts.procFiles = ["meminfo", "cpuinfo", "stat"]
        facts.hasPressure = true
        facts.hasNodes = true
        facts.environment = [
            "PATH=/opt/bin:/bin", "HOME=/root", "TERM=xterm", "LC_ALL=C", "SECRET=s", "A=outer", "odd",
        ]
        facts.workingDirectory = "/srv/work"
        change(&facts)
        var options = RunOptions(name: "c1", command: ["free", "-m"])
        options.rootfs = rootfs
        ask(&options)
        let places = SpecBuilder.Places(
            root: rootfs ?? "/b/c1/view/root",
            views: "/mnt/containers/c1",
            bundle: "/b/c1",
            cgroup: "umwelt",
            socket: "/s.sock",
            program: "/usr/bin/umwelt"
        )
        return SpecBuilder(options: options, facts: facts, places: places).config
    }

    private func destinations(_ config: Config) -> [String] { config.mounts.map(\.destination) }

    @Test func namespacesAndCgroup() {
        let config = build()
        #expect(config.linux.namespaces.map(\.type) == ["pid", "mount", "ipc", "uts", "cgroup"])
        #expect(config.linux.cgroupsPath == "/umwelt/c1")
        #expect(config.hostname == "c1")
        #expect(config.process.args == ["free", "-m"])
        #expect(config.process.noNewPrivileges == true)
    }

    @Test func memoryLimitsSwapToAsMuchAsMemory() {
        #expect(
            build { $0.memory = ByteSize("256M") }.linux.resources?.memory == .init(limit: 256 << 20, swap: 512 << 20)
        )
    }

    @Test func swapComesOnTopOfMemory() {
        let config = build {
            $0.memory = ByteSize("256M")
            $0.swap = ByteSize("0")
        }
        #expect(config.linux.resources?.memory == .init(limit: 256 << 20, swap: 256 << 20))
    }

    @Test func withoutAccountingThereIsNoSwapLimit() {
        let config = build(facts: { $0.accountsForSwap = false }) { $0.memory = ByteSize("256M") }
        #expect(config.linux.resources?.memory == .init(limit: 256 << 20, swap: nil))
    }

    @Test func hugeSizesDoNotOverflow() {
        let config = build {
            $0.memory = ByteSize(bytes: .max)
            $0.swap = ByteSize(bytes: .max)
        }
        #expect(config.linux.resources?.memory?.swap == .max)
    }

    @Test func cpuAndPids() {
        let config = build {
            $0.cpus = CPUAmount("0.5")
            $0.cpuset = CPUSet([0, 1, 3])
            $0.pids = 7
        }
        #expect(config.linux.resources?.cpu == .init(quota: 50_000, period: 100_000, cpus: "0-1,3"))
        #expect(config.linux.resources?.pids == .init(limit: 7))
        let none = build().linux.resources
        #expect(none?.cpu == nil && none?.memory == nil && none?.pids == nil)
        #expect(none?.devices == [.init(allow: false, access: "rwm")])
    }

    @Test func theHostsFilesAreReadOnlyWithPrivateDirectories() {
        let config = build()
        #expect(config.root == .init(path: "/b/c1/view/root", readonly: true))
        for directory in ["/tmp", "/var/tmp", "/run", "/dev"] { #expect(destinations(config).contains(directory)) }
        let cgroup = config.mounts.first { $0.destination == "/sys/fs/cgroup" }
        #expect(cgroup?.type == "cgroup" && cgroup?.options?.contains("ro") == true)
    }

    @Test func aRootfsIsWritableAndItsOwn() {
        let config = build(rootfs: "/r")
        #expect(config.root == .init(path: "/r", readonly: false))
        #expect(!destinations(config).contains("/tmp"))
        #expect(config.process.cwd == "/")
        #expect(config.process.env?.contains("PATH=\(SpecDefaults.path)") == true)
        #expect(config.process.env?.contains { $0.hasPrefix("HOME=") } == false)
    }

    @Test func viewsAreTheLastMountsAndReadOnly() {
        let config = build { $0.volumes = [try? Volume("/a:/b:ro"), try? Volume("/c:/d")].compactMap { $0 } }
        let views = config.mounts.suffix(5)
        #expect(
            views.map(\.destination) == [
                "/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/sys/devices/system/cpu", "/sys/devices/system/node",
            ]
        )
        #expect(views.allSatisfy { $0.options?.contains("ro") == true })
        #expect(views.first?.source == "/mnt/containers/c1/proc/meminfo")
        let volumes = config.mounts.dropLast(5).suffix(2)
        #expect(volumes.map(\.destination) == ["/b", "/d"])
        #expect(volumes.map { $0.options?.last } == ["ro", "rw"])
        let newer = build(facts: { $0.canProtectSubmounts = true }) {
            $0.volumes = [try? Volume("/a:/b:ro")].compactMap { $0 }
        }
        #expect(newer.mounts.dropLast(5).last?.options?.suffix(2) == ["ro", "rro"])
    }

    @Test func whatTheKernelLacksIsNotMounted() {
        let config = build(facts: {
            $0.procFiles = []
            $0.hasNodes = false
            $0.hasPressure = false
        })
        #expect(!destinations(config).contains("/proc/meminfo"))
        #expect(!destinations(config).contains("/sys/devices/system/node"))
        #expect(config.hooks?.createContainer?.first?.args?.contains("--pressure") == false)
    }

    @Test func hooks() {
        let hooks = build().hooks
        #expect(hooks?.createRuntime?.first?.path == "/usr/bin/umwelt")
        #expect(
            hooks?.createRuntime?.first?.args == [
                "umwelt", "hook", "attach", "--socket", "/s.sock", "--id", "c1", "--file", "/b/c1/init",
            ]
        )
        #expect(
            hooks?.createContainer?.first?.args == [
                "umwelt", "hook", "mounts", "--rootfs", "/b/c1/view/root", "--pressure",
                "/mnt/containers/c1/proc/pressure",
            ]
        )
    }

    @Test func environment() {
        let config = build {
            $0.environment = [
                .set(name: "A", value: "1"), .inherit(name: "SECRET"), .inherit(name: "MISSING"),
                .set(name: "A", value: "2"),
            ]
        }
        #expect(
            config.process.env == ["PATH=/opt/bin:/bin", "TERM=xterm", "HOME=/root", "LC_ALL=C", "SECRET=s", "A=2"]
        )
    }

    @Test func anotherUserHasNoCapabilitiesAndNoHomeOfRoots() {
        let config = build { $0.user = UserID(user: 5, group: 6) }
        #expect(config.process.user == .init(uid: 5, gid: 6))
        #expect(config.process.capabilities?.effective == [])
        #expect(config.process.capabilities?.bounding == SpecDefaults.capabilities)
        #expect(config.process.env?.contains { $0.hasPrefix("HOME=") } == false)
    }

    @Test func workingDirectory() {
        #expect(build().process.cwd == "/srv/work")
        #expect(build(facts: { $0.workingDirectory = "/tmp/x" }).process.cwd == "/")
        #expect(build(facts: { $0.workingDirectory = "/tmp" }).process.cwd == "/tmp")
        #expect(build(facts: { $0.workingDirectory = nil }).process.cwd == "/")
        let shown = build(facts: { $0.workingDirectory = "/tmp/x/y" }) {
            $0.volumes = [try? Volume("/tmp/x:/tmp/x")].compactMap { $0 }
        }
        #expect(shown.process.cwd == "/tmp/x/y")
        #expect(build { $0.workingDirectory = "/w" }.process.cwd == "/w")
    }

    @Test func displacedFilesAreBoundForTheHostsFileSystemOnly() {
        let change: (inout HostFacts) -> Void = { $0.displacedFiles = ["/run/resolvconf/resolv.conf"] }
        #expect(destinations(build(facts: change)).contains("/run/resolvconf/resolv.conf"))
        #expect(!destinations(build(rootfs: "/r", facts: change)).contains("/run/resolvconf/resolv.conf"))
    }
}
