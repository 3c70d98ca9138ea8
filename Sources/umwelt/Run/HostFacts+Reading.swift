// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Attachment
import Kernel
import OCISpec
import Samples

extension HostFacts {
    /// Reads them from the running system.
    ///
    /// What cannot be read is as if it were not there: the limits that need it are refused.
    static func read(environment: [String]) -> HostFacts {
        var facts = HostFacts()
        facts.environment = environment
        facts.workingDirectory = (try? FileTree.workingDirectory())?.description
        let meminfo = MemInfo(parsing: bytes("/proc/meminfo").span)
        facts.memoryTotal = (meminfo["MemTotal"] ?? 0).multiplied(orMax: 1024)
        facts.swapTotal = (meminfo["SwapTotal"] ?? 0).multiplied(orMax: 1024)
        // Each has a number below pid_max; whichever is less is what fork(2) ends at (copy_process(), kernel/fork.c).
        facts.processLimit = ["pid_max", "threads-max"].compactMap { number(Path("/proc/sys/kernel/" + $0)) }.min()
        facts.procFiles = Set(Views.procFiles.filter { FileTree.isThere(Path("/proc/" + $0)) })
        // With PSI off by default the files are there and answer EOPNOTSUPP.
        facts.hasPressure = (try? Fd.contents(of: "/proc/pressure/cpu", limit: 256)) != nil
        facts.canProtectSubmounts = Mount.hasAttributes
        facts.hasNodes = FileTree.isThere(Path("/" + Views.nodeDirectory))
        facts.readCgroups(CgroupTree.own())
        if facts.cpus.isEmpty { facts.cpus = list("/sys/devices/system/cpu/online") ?? CPUSet() }
        facts.displacedFiles = displacedFiles()
        return facts
    }

    private mutating func readCgroups(_ tree: CgroupTree) {
        layout = tree.layout
        controllers = tree.controllers
        guard let memory = tree.directory(of: "memory") else { return readCPUs(tree) }
        switch layout {
        case .v1, .hybrid: accountsForSwap = FileTree.isThere(Path(memory + "/memory.memsw.limit_in_bytes"))
        case .unified: accountsForSwap = Self.unifiedAccountsForSwap(memory)
        case .missing: break
        }
        readCPUs(tree)
    }

    private mutating func readCPUs(_ tree: CgroupTree) {
        guard let directory = tree.directory(of: "cpuset") else { return }
        for name in ["cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"] {
            guard let set = Self.list(Path(directory + "/" + name)), !set.isEmpty else { continue }
            cpus = set
            return
        }
    }

    /// The root has no memory.swap.max; every cgroup with the memory controller has one, if the kernel accounts.
    private static func unifiedAccountsForSwap(_ root: String) -> Bool {
        guard let entries = try? Fd.open(Path(root), .directory).entries(limit: 1000) else { return false }
        for entry in entries {
            let cgroup = Path(root).appending(Path(entry.name))
            guard FileTree.isThere(cgroup.appending("memory.max")) else { continue }
            return FileTree.isThere(cgroup.appending("memory.swap.max"))
        }
        // No cgroup has the controller yet. Since Linux 6.1 it accounts for swap unless it was told not to.
        let line = String(decoding: bytes("/proc/cmdline"), as: UTF8.self)
        return !line.contains("swapaccount=0")
    }

    private static func displacedFiles() -> [String] {
        var found: [String] = []
        for name in ["/etc/resolv.conf", "/etc/hosts", "/etc/hostname", "/etc/localtime"] {
            guard let path = (try? FileTree.resolved(Path(name)))?.description, !found.contains(path),
                (try? FileStatus.of(Path(path)))?.isRegular == true,
                SpecDefaults.privateMounts.contains(where: { CleanPath.is(path, below: $0.destination) })
            else { continue }
            found.append(path)
        }
        return found
    }

    private static func list(_ path: Path) -> CPUSet? { CPUSet(parsingList: bytes(path).span) }

    private static func number(_ path: Path) -> UInt64? {
        UInt64(String(decoding: bytes(path), as: UTF8.self).trimmingSpaces())
    }

    private static func bytes(_ path: Path) -> [UInt8] { (try? Fd.contents(of: path, limit: 1 << 20)) ?? [] }
}
